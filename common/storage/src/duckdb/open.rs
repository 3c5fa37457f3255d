//! Opening the file: once a process; who may make it, how long to wait for it, how much memory it may take.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ::duckdb::{Config, Connection};
use common_core::{Error, ErrorKind, Result};

use super::{Shared, errors};
use crate::Access;

/// How long to wait for another process that holds the file: for a run, and for somebody who waits for an answer.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// What DuckDB may hold in memory while a statement of a run is under way, the rest going to a temporary folder beside the
/// file; and what it may if that was too little, for example because descriptions are very long. The first is just enough,
/// because whatever it is, it fills up with pages of the file.
pub(super) const RUN_MEMORY: [&str; 3] = ["30MB", "60MB", MOST_MEMORY];

/// What it may keep from statement to statement: rows that are not in the file yet, and no pages of the file to speak of.
/// A run's memory should not depend on the warehouse's size.
pub(super) const IDLE_MEMORY: &str = "14MB";

/// Size of the log at which rows move from memory into the file.
const CHECKPOINT_THRESHOLD: &str = "4MB";

/// What DuckDB may hold for the operator's tool, whose loads and ad-hoc queries may be large.
const MOST_MEMORY: &str = "1GB";

/// Rows a group of the file, which a checkpoint writes anew as a whole when rows are added to it. The engine's default of
/// 122,880 would make that 190 MB of vectors, time and again.
const ROW_GROUP_ROWS: u32 = 8192;

/// What statements call the file, whatever it is named.
const CATALOG: &str = "warehouse";

/// A file as the system knows it, whatever its name.
type File = (u64, u64);

/// What this process has open. Closing any handle of a file gives up every lock that the process has on it, so that each file has one engine,
/// shared by all who use it, and none is opened while another is closing.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

struct Opened {
    file: File,
    writes: bool,
    /// Gone while it is closing.
    shared: Weak<Shared>,
}

/// Opens the file, or shares what this process has open of it.
pub(super) fn open(path: &Path, access: Access) -> Result<Arc<Shared>> {
    prepare_path(path, access)?;
    let deadline = Instant::now() + if access == Access::ReadSoon { SHORT_WAIT } else { LOCK_WAIT };
    loop {
        match open_or_share(path, access) {
            Err(error) if error.kind() == ErrorKind::Unavailable && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(if is_opened(path) { 5 } else { 100 }));
            }
            outcome => return outcome,
        }
    }
}

fn open_or_share(path: &Path, access: Access) -> Result<Arc<Shared>> {
    let writes = !matches!(access, Access::Read | Access::ReadSoon);
    // Dropped after the lock: the last owner of what is shared takes the lock to close it.
    let shared;
    let mut opened = lock();
    if let Some(known) = file(path).and_then(|file| opened.iter().find(|known| known.file == file)) {
        let can_be_shared = known.writes || !writes;
        shared = known.shared.upgrade();
        drop(opened);
        let name = path.display();
        return match shared {
            Some(shared) if can_be_shared => Ok(shared),
            Some(_) => Err(Error::unavailable(format!(
                "{name} is open for reading in this process: try again once it is closed"
            ))),
            None => Err(Error::unavailable(format!("{name} is being closed by this process: try again"))),
        };
    }
    let translate = |error| errors::translate(error, path);
    let connection = attach(path, access).map_err(translate)?;
    let readers = super::clone(&connection).map_err(translate)?;
    let file = file(path).ok_or_else(|| Error::not_found(format!("{} has vanished", path.display())))?;
    let shared = Arc::new(Shared {
        path: path.to_owned(),
        connections: Some((Mutex::new(connection), Mutex::new(readers))),
        is_frugal: access == Access::Write,
        is_exclusive: matches!(access, Access::Write | Access::Create),
        turn: Mutex::new(()),
        file,
    });
    opened.push(Opened { file, writes, shared: Arc::downgrade(&shared) });
    Ok(shared)
}

/// Says that a file is closed.
pub(super) fn closed(file: File) {
    lock().retain(|opened| opened.file != file);
}

fn is_opened(path: &Path) -> bool {
    file(path).is_some_and(|file| lock().iter().any(|opened| opened.file == file))
}

fn lock() -> MutexGuard<'static, Vec<Opened>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file(path: &Path) -> Option<File> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.dev(), facts.ino()))
}

fn attach(path: &Path, access: Access) -> ::duckdb::Result<Connection> {
    let connection = Connection::open_in_memory_with_flags(config(access)?)?;
    let file = text(&path.display().to_string());
    let temporary = text(&format!("{}.tmp", path.display()));
    let mode = if matches!(access, Access::Read | Access::ReadSoon) { "READ_ONLY" } else { "READ_WRITE" };
    connection.execute_batch(&format!(
        "SET temp_directory = {temporary};
        ATTACH {file} AS {CATALOG} (TYPE duckdb, {mode}, ROW_GROUP_SIZE {ROW_GROUP_ROWS});
        -- A statement that reads other files or installs extensions is not what an ad-hoc query is for.
        SET enable_external_access = false;"
    ))?;
    enter(&connection)?;
    Ok(connection)
}

/// Makes a new connection's statements speak of the file, and of moments as all of ours do.
pub(super) fn enter(connection: &Connection) -> ::duckdb::Result<()> {
    connection.execute_batch(&format!("USE {CATALOG}"))?;
    connection.execute_batch(super::sql::WITHIN_CALENDAR.text)
}

/// `text` as a constant of a statement that takes no parameters.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn prepare_path(path: &Path, access: Access) -> Result<()> {
    if path.is_dir() {
        let path = path.display();
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("{path} is a folder, and a warehouse is a file: WAREHOUSE_URL=duckdb:{path}/jobs.duckdb"),
        ));
    }
    if access != Access::Create {
        return if path.is_file() {
            Ok(())
        } else {
            Err(Error::not_found(format!(
                "there is no warehouse at {}: load ads with `jobctl load FILE` or make some with `jobctl generate`",
                path.display()
            )))
        };
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(|error| {
            Error::from(error).context(format!("cannot make the folder {}", folder.display()))
        }),
        None => Ok(()),
    }
}

fn config(access: Access) -> ::duckdb::Result<Config> {
    Config::default()
        .max_memory(if access == Access::Write { RUN_MEMORY[0] } else { MOST_MEMORY })?
        .with("checkpoint_threshold", CHECKPOINT_THRESHOLD)?
        // The cores belong to inference, and every thread of a statement wants memory of its own.
        .threads(if access == Access::Write { 1 } else { 2 })?
        .enable_autoload_extension(false)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Whether another process may write to the file.
    fn is_free(path: &Path) -> bool {
        let lock = "import fcntl, sys\nfcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)";
        let output = Command::new("python3").args(["-c", lock]).arg(path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("BlockingIOError"), "{said}");
        output.status.success()
    }

    fn made(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("jobs.duckdb");
        drop(open(&path, Access::Create).unwrap());
        assert!(is_free(&path));
        path
    }

    #[test]
    fn a_file_that_one_search_leaves_is_still_held_for_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let link = folder.path().join("link.duckdb");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let first = open(&path, Access::ReadSoon).unwrap();
        let second = open(&link, Access::Read).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        drop(first);
        assert!(!is_free(&path));
        // A connection that a thread still uses holds the engine.
        let third = open(&path, Access::ReadSoon).unwrap();
        let reader = third.reader().unwrap();
        drop(second);
        assert!(!is_free(&path));
        assert_eq!(reader.query_row("SELECT 42", [], |row| row.get::<_, i64>(0)).unwrap(), 42);
        drop((reader, third));
        assert!(is_free(&path));
    }

    #[test]
    fn many_threads_that_come_and_go_never_leave_the_file_to_others_while_one_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let held = open(&path, Access::Read).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        drop(open(&path, Access::ReadSoon).unwrap());
                    }
                });
            }
            assert!(!is_free(&path));
        });
        assert!(!is_free(&path));
        drop(held);
        // And without one that stays: opened and closed by whoever comes first and last.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let shared = open(&path, Access::Read).unwrap();
                        shared
                            .reader()
                            .unwrap()
                            .query_row("SELECT 42", [], |row| row.get::<_, i64>(0))
                            .unwrap();
                    }
                });
            }
        });
        assert!(is_free(&path));
    }

    #[test]
    fn a_writer_is_shared_with_readers_and_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let writer = open(&path, Access::Write).unwrap();
        assert!(Arc::ptr_eq(&writer, &open(&path, Access::ReadSoon).unwrap()));
        drop(writer);
        assert!(is_free(&path));
        let reader = open(&path, Access::ReadSoon).unwrap();
        let error = open_or_share(&path, Access::Write).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("open for reading in this process"), "{error}");
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || open(&path, Access::Write).map(|_| ())
        });
        std::thread::sleep(Duration::from_millis(20));
        drop(reader);
        waiting.join().unwrap().unwrap();
    }
}
