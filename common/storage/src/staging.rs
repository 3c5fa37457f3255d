//! Staging folders: an artifact is built in a staging folder and then renamed to its final name.
//!
//! A killed process cannot clean up. Each staging folder is therefore locked while its process runs; the operating
//! system releases the lock when the process ends. Creating a staging folder removes the unlocked ones.

use std::fs::File;
use std::path::{Path, PathBuf};

use common_core::error::OnPath;
use common_core::{Result, feed};
use tempfile::TempDir;

/// Prefix of the names of staging folders.
const PREFIX: &str = ".staging-";

/// A staging folder, removed when this value is dropped unless it is kept.
#[derive(Debug)]
pub struct StagingFolder {
    folder: TempDir,
    /// The lock on the folder.
    _lock: File,
}

impl StagingFolder {
    /// Creates a staging folder in `parent`, which is created if missing. Removes staging folders that killed
    /// processes left in `parent`.
    ///
    /// # Errors
    /// Errors of the file system.
    pub async fn create(parent: &Path) -> Result<Self> {
        let parent = parent.to_owned();
        feed::blocking("creating a staging folder", move || {
            Self::create_blocking(&parent).map_err(|error| {
                error.context(format!("cannot create a staging folder in {}", parent.display()))
            })
        })
        .await
    }

    fn create_blocking(parent: &Path) -> Result<Self> {
        std::fs::create_dir_all(parent)?;
        // One process at a time: otherwise a new folder that is not locked yet would count as abandoned.
        let turn = File::open(parent)?;
        turn.lock()?;
        remove_abandoned(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::open(folder.path())?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder; the caller renames it.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Removes a folder; readers see it whole or not at all. The folder is moved into a staging folder first, so if the
/// process is killed, the next call removes the rest.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn discard(folder: &Path) -> Result<()> {
    let staging = StagingFolder::create_blocking(folder.parent().unwrap_or(Path::new(".")))?;
    match std::fs::rename(folder, staging.path().join("discarded")) {
        // Another process removed it first.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.on_path("cannot remove", folder),
    }
}

/// Removes staging folders that are not locked. Failures are ignored: the next call tries again.
fn remove_abandoned(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_staging = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_staging && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            let removed = std::fs::remove_dir_all(entry.path());
            tracing::debug!(?removed, "abandoned staging folder {}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_removed_on_drop_and_abandoned_ones_at_the_next_creation() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().join("built");
        let one = StagingFolder::create(&parent).await.unwrap();
        std::fs::write(one.path().join("file"), "text").unwrap();
        // A killed process leaves an unlocked folder.
        let left = parent.join(".staging-left");
        std::fs::create_dir_all(left.join("folder")).unwrap();
        std::fs::create_dir(parent.join("v1-kept")).unwrap();
        let other = StagingFolder::create(&parent).await.unwrap();
        assert!(one.path().join("file").is_file() && !left.exists() && parent.join("v1-kept").is_dir());
        let (gone, kept) = (other.path().to_owned(), one.keep());
        drop(other);
        assert!(kept.is_dir() && !gone.exists());
    }
}
