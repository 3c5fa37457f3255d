//! Opens the file once in each process: creation, waiting for other processes, and memory limits.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ::duckdb::{Config, Connection};
use common_core::{Error, ErrorKind, Result};

use super::{Shared, errors};
use crate::Access;

/// How long to wait for another process that holds the file: for a run, and for a request that a user waits for.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// DuckDB's memory limits while a statement of a run executes; the next one applies if a statement needs more, for
/// example because of very long descriptions. Other data goes to a temporary folder beside the file. The first
/// limit is as low as possible, because DuckDB fills any limit with cached pages of the file.
pub(super) const RUN_MEMORY: [&str; 3] = ["30MB", "60MB", MOST_MEMORY];

/// Memory limit between statements: enough for rows that are not in the file yet, with few cached pages of the
/// file. A run's memory should not depend on the warehouse's size.
pub(super) const IDLE_MEMORY: &str = "14MB";

/// Size of the write-ahead log that triggers a checkpoint.
const CHECKPOINT_THRESHOLD: &str = "4MB";

/// Memory limit for the operator's tool, whose loads and ad-hoc queries may be large.
const MOST_MEMORY: &str = "1GB";

/// Rows in a row group of the file. A checkpoint rewrites the whole group to which rows were added; the engine's
/// default of 122,880 rows would rewrite 190 MB of vectors each time.
const ROW_GROUP_ROWS: u32 = 8192;

/// Name of the database in statements, independent of the file's name.
const CATALOG: &str = "warehouse";

/// A file by device and inode, independent of its name.
type File = (u64, u64);

/// The files that this process has open. Closing any handle of a file releases all of the process's locks on it.
/// Each file therefore has one engine, shared by all users, and is not opened while another handle is closing.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

struct Opened {
    file: File,
    writes: bool,
    /// No longer upgradable while closing.
    shared: Weak<Shared>,
}

/// Opens the file, or shares the handle that this process has open.
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
    // Dropped after the guard: dropping the last owner takes the same lock to close the file.
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
    let file = file(path)
        .ok_or_else(|| Error::not_found(format!("{} was removed while it was opened", path.display())))?;
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

/// Records that a file is closed.
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
        -- Ad-hoc queries must not read other files or install extensions.
        SET enable_external_access = false;"
    ))?;
    enter(&connection)?;
    Ok(connection)
}

/// Prepares a new connection: selects the file's catalog, and creates the macros that statements use.
pub(super) fn enter(connection: &Connection) -> ::duckdb::Result<()> {
    connection.execute_batch(&format!("USE {CATALOG}"))?;
    connection.execute_batch(super::sql::WITHIN_CALENDAR.text)
}

/// `text` as a literal, for statements that take no parameters.
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
        // The cores are used for inference, and each thread of a statement needs its own memory.
        .threads(if access == Access::Write { 1 } else { 2 })?
        .enable_autoload_extension(false)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Whether another process could lock the file for writing.
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
    fn a_file_stays_locked_while_another_search_uses_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let link = folder.path().join("link.duckdb");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let first = open(&path, Access::ReadSoon).unwrap();
        let second = open(&link, Access::Read).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        drop(first);
        assert!(!is_free(&path));
        // A connection that a thread still uses keeps the engine open.
        let third = open(&path, Access::ReadSoon).unwrap();
        let reader = third.reader().unwrap();
        drop(second);
        assert!(!is_free(&path));
        assert_eq!(reader.query_row("SELECT 42", [], |row| row.get::<_, i64>(0)).unwrap(), 42);
        drop((reader, third));
        assert!(is_free(&path));
    }

    #[test]
    fn a_file_stays_locked_while_any_thread_reads() {
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
        // Also without a handle that stays open: the first thread opens and the last one closes.
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
