//! The folder of trainings on this machine: journals of trials, and a lock for each model.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::error::OnPath;
use common::{Error, Result};

/// Extension of the files with the trials of a search.
const JOURNAL: &str = "jsonl";
/// Journals of trainings that were not run again within this time are removed.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// The files of one training. While it exists, no other process of this machine trains the same model.
pub(crate) struct Workspace {
    /// File with the trials of the search. It remains if the training fails, and the next training goes on from it.
    pub(crate) journal: PathBuf,
    /// The operating system releases the lock when the process ends.
    _lock: File,
}

impl Workspace {
    /// Opens the files of the training `name` of `model` in `folder`, which is created if missing.
    ///
    /// # Errors
    /// `Conflict` if another process trains the model; errors of the file system.
    pub(crate) fn open(folder: &Path, model: &str, name: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).on_path("cannot create", folder)?;
        let path = folder.join(format!("{model}.lock"));
        let lock = File::create(&path).on_path("cannot create", &path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::conflict(format!(
                    "{model} is being trained by another process, which has locked {}: wait for its end, or set \
                     TRAINING_DIR to another folder",
                    path.display()
                ))
                .for_caller());
            }
            Err(TryLockError::Error(error)) => return Err(error).on_path("cannot lock", &path),
        }
        remove_old_journals(folder, model);
        Ok(Self { journal: folder.join(format!("{model}-{name}.{JOURNAL}")), _lock: lock })
    }

    /// Removes the journal: the next training searches anew.
    pub(crate) fn finish(self) {
        let _ = std::fs::remove_file(&self.journal);
    }
}

fn remove_old_journals(folder: &Path, model: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_own = name.strip_prefix(model).is_some_and(|rest| rest.starts_with('-'));
        let age =
            path.metadata().and_then(|facts| facts.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_own && path.extension().is_some_and(|kind| kind == JOURNAL) && age.is_some_and(|age| age > KEPT)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn one_process_trains_a_model_and_old_journals_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("training");
        let first = Workspace::open(&folder, "salary_predictor", "a").unwrap();
        let refused = Workspace::open(&folder, "salary_predictor", "b").err().unwrap();
        assert!(refused.to_string().contains("is being trained by another process"), "{refused}");
        let pounds = Workspace::open(&folder, "salary_predictor_gbp", "a").unwrap();
        std::fs::write(&first.journal, "{}\n").unwrap();
        drop(first);

        let again = Workspace::open(&folder, "salary_predictor", "a").unwrap();
        assert!(again.journal.exists(), "a failed training goes on");
        drop(again);
        let old = File::open(folder.join("salary_predictor-a.jsonl")).unwrap();
        old.set_modified(SystemTime::now() - KEPT - Duration::from_secs(1)).unwrap();
        std::fs::write(&pounds.journal, "{}\n").unwrap();
        let other = Workspace::open(&folder, "salary_predictor", "b").unwrap();
        assert!(!other.journal.with_file_name("salary_predictor-a.jsonl").exists());
        assert!(pounds.journal.exists());
        let journal = pounds.journal.clone();
        pounds.finish();
        assert!(!journal.exists());
    }
}
