//! Artifacts in a directory: the default on one machine.
//!
//! Compare-and-set needs no lock: the n-th state of an object is the file `.generations/NAME/@n`. A writer writes
//! state n+1 by creating a hard link with that name; the file system lets exactly one writer succeed. The highest
//! number is the current state. The plain file `NAME` is a hard link to the same bytes, for people and for readers
//! that need a path.

use std::fs::{self, File};
use std::io::{self, ErrorKind as Io, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use common_core::error::OnPath;
use common_core::{Error, Result, feed};
use futures::StreamExt;
use tokio_util::io::ReaderStream;

use super::{ArtifactStore, Facts, Generation, Reading, check_name};

/// Artifacts in one folder, which is created by the first write.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

/// Chunk size of a streamed object.
const CHUNK_BYTES: usize = 1 << 20;

/// How many times a reader retries if a state is replaced and removed between two system calls.
const READ_ATTEMPTS: usize = 100;

/// How long the file of a replaced state is kept. It is longer than [`LONGEST_WRITE`], so a suspended writer cannot
/// reuse the number of an earlier state.
const KEEP_REPLACED: Duration = Duration::from_hours(1);

/// A write fails if more than this time passes between reading the state and linking the next one.
const LONGEST_WRITE: Duration = Duration::from_mins(30);

impl Directory {
    /// Artifacts in the folder `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn read(&self, name: &str) -> Result<Option<(Bytes, Generation)>> {
        let states = self.states(name)?;
        for _ in 0..READ_ATTEMPTS {
            let Some(number) = newest(&states)? else { return Ok(None) };
            let path = state_path(&states, number);
            match fs::read(&path) {
                Ok(bytes) => return Ok(Some((bytes.into(), Generation(number.to_string())))),
                Err(error) if error.kind() == Io::NotFound => {}
                failed => drop(failed.on_path("cannot read", &path)?),
            }
        }
        Err(Error::unavailable(format!("object {name} changes faster than it can be read")))
    }

    fn swap(&self, name: &str, mut bytes: impl Read, expected: Option<&Generation>) -> Result<Generation> {
        let states = self.states(name)?;
        let held = match expected {
            None => 0,
            Some(Generation(text)) => text.parse::<u64>().map_err(|_| {
                Error::invalid_input(format!("invalid generation {text:?}: expected a number"))
            })?,
        };
        let lost = || Error::conflict(format!("object {name} was written by another process"));
        let looked_at = Instant::now();
        if newest(&states)?.unwrap_or(0) != held {
            return Err(lost());
        }
        fs::create_dir_all(&states).on_path("cannot make", &states)?;
        let next = held + 1;
        let claim = state_path(&states, next);
        let staged = self.stage(&mut bytes)?;
        match fs::hard_link(staged.path(), &claim) {
            Err(error) if error.kind() == Io::AlreadyExists => return Err(lost()),
            failed => failed.on_path("cannot write", &claim)?,
        }
        if looked_at.elapsed() > LONGEST_WRITE {
            fs::remove_file(&claim).on_path("cannot remove", &claim)?;
            return Err(lost());
        }
        sync_folder(&states)?;
        // The state is written: failing to update the plain file does not fail the write.
        if let Err(error) = self.show(name, &states) {
            tracing::warn!(name, error = error.chain(), "cannot write the plain copy of an object");
        }
        remove_replaced(&states, next);
        Ok(Generation(next.to_string()))
    }

    /// File of the newest state.
    fn open(&self, name: &str) -> Result<Option<(File, Facts)>> {
        let states = self.states(name)?;
        for _ in 0..READ_ATTEMPTS {
            let Some(number) = newest(&states)? else { return Ok(None) };
            let path = state_path(&states, number);
            match File::open(&path) {
                Ok(file) => {
                    let size_bytes = file.metadata().on_path("cannot look at", &path)?.len();
                    let generation = Generation(number.to_string());
                    return Ok(Some((file, Facts { name: name.to_owned(), size_bytes, generation })));
                }
                Err(error) if error.kind() == Io::NotFound => {}
                failed => drop(failed.on_path("cannot open", &path)?),
            }
        }
        Err(Error::unavailable(format!("object {name} changes faster than it can be read")))
    }

    /// Objects whose names begin with `prefix`: folders in `.generations` that have a state.
    fn find(&self, prefix: &str) -> Result<Vec<Facts>> {
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = self.root.join(".generations").join(&folder);
            let entries = match fs::read_dir(&path) {
                Err(error) if error.kind() == Io::NotFound => continue,
                entries => entries.on_path("cannot list", &path)?,
            };
            for entry in entries {
                let entry = entry.on_path("cannot list", &path)?;
                let Ok(part) = entry.file_name().into_string() else { continue };
                if part.starts_with('@') || !entry.file_type().on_path("cannot list", &path)?.is_dir() {
                    continue;
                }
                let name = if folder.is_empty() { part } else { format!("{folder}/{part}") };
                if name.starts_with(prefix)
                    && let Some((_, facts)) = self.open(&name)?
                {
                    found.push(facts);
                }
                if name.starts_with(prefix) || prefix.starts_with(&name) {
                    folders.push(name);
                }
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let states = self.states(name)?;
        let mut numbers = numbers(&states)?;
        // Old states first, so that a reader never takes one of them for the newest.
        numbers.sort_unstable();
        let paths = numbers.into_iter().map(|number| state_path(&states, number));
        for path in paths.chain([self.root.join(name)]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == Io::NotFound => {}
                outcome => outcome.on_path("cannot remove", &path)?,
            }
        }
        // Fails if the folder has subfolders: names that continue this one.
        let _ = fs::remove_dir(states);
        Ok(())
    }

    /// Links the plain file to the newest state, which another writer may have written.
    fn show(&self, name: &str, states: &Path) -> Result<()> {
        let visible = self.root.join(name);
        if let Some(folder) = visible.parent() {
            fs::create_dir_all(folder).on_path("cannot make", folder)?;
        }
        loop {
            let Some(number) = newest(states)? else { return Ok(()) };
            let link = self.staging()?.join(unique_name());
            match fs::hard_link(state_path(states, number), &link) {
                Err(error) if error.kind() == Io::NotFound => continue,
                outcome => outcome.on_path("cannot write", &link)?,
            }
            fs::rename(&link, &visible).on_path("cannot write", &visible)?;
            // Renaming onto a hard link to the same file does nothing and keeps the source.
            let _ = fs::remove_file(&link);
            if newest(states)? == Some(number) {
                return Ok(());
            }
        }
    }

    /// Writes the bytes to a temporary file.
    fn stage(&self, bytes: &mut impl Read) -> Result<tempfile::NamedTempFile> {
        let folder = self.staging()?;
        let mut write = || {
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            io::copy(bytes, &mut file)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        write().on_path("cannot write in", &folder)
    }

    fn staging(&self) -> Result<PathBuf> {
        let folder = self.root.join(".staging");
        fs::create_dir_all(&folder).on_path("cannot write below the artifact folder", &self.root)?;
        Ok(folder)
    }

    /// Folder of an object's states.
    fn states(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.root.join(".generations").join(name))
    }
}

fn state_path(states: &Path, number: u64) -> PathBuf {
    states.join(format!("@{number}"))
}

fn numbers(states: &Path) -> Result<Vec<u64>> {
    let entries = match fs::read_dir(states) {
        Err(error) if error.kind() == Io::NotFound => return Ok(Vec::new()),
        entries => entries.on_path("cannot list", states)?,
    };
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_prefix('@')?.parse().ok();
    let numbers: io::Result<_> = entries.filter_map(|entry| entry.map(number).transpose()).collect();
    numbers.on_path("cannot list", states)
}

fn newest(states: &Path) -> Result<Option<u64>> {
    Ok(numbers(states)?.into_iter().max())
}

/// Removes states that were replaced long ago. Failures are ignored: the next writer tries again.
fn remove_replaced(states: &Path, newest: u64) {
    let is_old = |path: &Path| {
        let age = fs::metadata(path).and_then(|facts| facts.modified()).map(|written| written.elapsed());
        matches!(age, Ok(Ok(age)) if age > KEEP_REPLACED)
    };
    for number in numbers(states).unwrap_or_default() {
        let path = state_path(states, number);
        if number < newest && is_old(&path) {
            let _ = fs::remove_file(path);
        }
    }
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).on_path("cannot write", folder)
}

/// A name that is unique across machines.
fn unique_name() -> String {
    format!("link-{}", uuid::Uuid::now_v7())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    feed::blocking("work on the artifact folder", work).await
}

#[async_trait]
impl ArtifactStore for Directory {
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>> {
        let (store, name) = (self.clone(), name.to_owned());
        blocking(move || store.read(&name)).await
    }

    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation> {
        let (store, name, expected) = (self.clone(), name.to_owned(), expected.cloned());
        blocking(move || store.swap(&name, &*bytes, expected.as_ref())).await
    }

    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation> {
        let (store, name, file) = (self.clone(), name.to_owned(), file.to_owned());
        blocking(move || store.swap(&name, File::open(&file).on_path("cannot read", &file)?, None)).await
    }

    async fn read(&self, name: &str) -> Result<Option<Reading>> {
        let (store, owned) = (self.clone(), name.to_owned());
        let Some((file, facts)) = blocking(move || store.open(&owned)).await? else { return Ok(None) };
        // The open file is a snapshot: replacing or removing the object does not change it.
        let path = self.root.join(name);
        let chunks = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
        let chunks = chunks.map(move |chunk| chunk.on_path("cannot read", &path));
        Ok(Some(Reading { facts, chunks: chunks.boxed() }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Facts>> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        blocking(move || store.find(&prefix)).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let (store, name) = (self.clone(), name.to_owned());
        blocking(move || store.remove(&name)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use common_core::ErrorKind;

    use super::*;

    fn set(store: &Directory, name: &str, text: &str, expected: Option<&Generation>) -> Result<Generation> {
        store.swap(name, text.as_bytes(), expected)
    }

    #[test]
    fn one_writer_wins_and_the_plain_file_shows_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let store = Directory::new(&folder.path().join("made/at/need"));
        assert_eq!(store.read("models/champion.json").unwrap(), None);
        let first = set(&store, "models/champion.json", "v1", None).unwrap();
        assert_eq!(set(&store, "models/champion.json", "x", None).unwrap_err().kind(), ErrorKind::Conflict);
        let second = set(&store, "models/champion.json", "v2", Some(&first)).unwrap();
        let late = set(&store, "models/champion.json", "x", Some(&first)).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Conflict);
        assert_eq!(store.read("models/champion.json").unwrap(), Some((Bytes::from("v2"), second)));
        assert_eq!(fs::read(store.root.join("models/champion.json")).unwrap(), b"v2");
        assert_eq!(fs::read_dir(store.root.join(".staging")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_contract_holds() {
        let folder = tempfile::tempdir().unwrap();
        super::super::contract::artifacts(Arc::new(Directory::new(folder.path()))).await;
        crate::contract::registry(Arc::new(Directory::new(&folder.path().join("versions")))).await;
    }

    #[tokio::test]
    async fn a_failure_of_the_file_system_names_the_path_and_keeps_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("a file, no folder");
        fs::write(&plain, "").unwrap();
        let (store, missing) = (Directory::new(&plain), plain.with_file_name("missing.bin"));
        for error in [
            store.get("a").await.err().unwrap(),
            store.list("").await.err().unwrap(),
            store.delete("a").await.err().unwrap(),
            store.compare_and_set("a", Bytes::new(), None).await.err().unwrap(),
        ] {
            assert!(error.to_string().contains("a file, no folder"), "{error}");
            let source = std::error::Error::source(&error).expect("the system's error");
            assert!(source.is::<io::Error>(), "{error:?}");
        }
        let error = Directory::new(folder.path()).put_new("b", &missing).await.err().unwrap();
        assert!(error.to_string().contains("missing.bin"), "{error}");
    }

    #[test]
    fn replaced_states_are_kept_for_late_writers_and_then_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Directory::new(folder.path());
        let mut generation = set(&store, "a", "0", None).unwrap();
        let states = store.states("a").unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * KEEP_REPLACED;
        File::open(state_path(&states, 1)).unwrap().set_modified(long_ago).unwrap();
        for text in ["1", "2"] {
            generation = set(&store, "a", text, Some(&generation)).unwrap();
        }
        let mut left = numbers(&states).unwrap();
        left.sort_unstable();
        assert_eq!(left, [2, 3]);
    }
}
