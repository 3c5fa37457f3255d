//! Folders in which something is being made: renamed once it is whole, gone with whoever made it otherwise.
//!
//! A process that is killed cannot tidy up. Each draft is locked for as long as its maker lives, which is what the system sees to, and
//! whoever makes the next one removes those that nobody holds any more.

use std::fs::File;
use std::path::{Path, PathBuf};

use common_core::error::OnPath;
use common_core::{Result, feed};
use tempfile::TempDir;

/// How the names of drafts begin.
const PREFIX: &str = ".draft-";

/// A folder of one's own, removed with this value unless it is kept.
#[derive(Debug)]
pub struct Draft {
    folder: TempDir,
    /// The folder, locked.
    _held: File,
}

impl Draft {
    /// A new one below `parent`, which is made where it is missing. Removes those that killed processes left there.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn make(parent: &Path) -> Result<Self> {
        let parent = parent.to_owned();
        feed::blocking("making a folder", move || {
            Self::make_now(&parent)
                .map_err(|error| error.context(format!("cannot make a folder in {}", parent.display())))
        })
        .await
    }

    fn make_now(parent: &Path) -> Result<Self> {
        std::fs::create_dir_all(parent)?;
        // One at a time, so that nobody takes a draft for abandoned that is about to be locked.
        let turn = File::open(parent)?;
        turn.lock()?;
        remove_abandoned(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let held = File::open(folder.path())?;
        held.lock()?;
        Ok(Self { folder, _held: held })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder to the caller, who gives it a name of its own.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Removes a folder beside which drafts are made, in one step for whoever looks: a removal that is killed halfway leaves a draft.
///
/// # Errors
/// As the file system says.
pub(crate) fn discard(folder: &Path) -> Result<()> {
    let grave = Draft::make_now(folder.parent().unwrap_or(Path::new(".")))?;
    match std::fs::rename(folder, grave.path().join("discarded")) {
        // Somebody else was quicker.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.on_path("cannot remove", folder),
    }
}

/// Removes drafts that nobody holds. What cannot be removed is for the next one to try.
fn remove_abandoned(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_draft = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_draft && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            let removed = std::fs::remove_dir_all(entry.path());
            tracing::debug!(?removed, "{} was left behind", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_draft_goes_with_its_maker_and_the_next_one_removes_what_was_left() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().join("made");
        let one = Draft::make(&parent).await.unwrap();
        std::fs::write(one.path().join("file"), "text").unwrap();
        // As a killed process leaves it: there, and held by nobody.
        let left = parent.join(".draft-left");
        std::fs::create_dir_all(left.join("folder")).unwrap();
        std::fs::create_dir(parent.join("v1-kept")).unwrap();
        let other = Draft::make(&parent).await.unwrap();
        assert!(one.path().join("file").is_file() && !left.exists() && parent.join("v1-kept").is_dir());
        let (gone, kept) = (other.path().to_owned(), one.keep());
        drop(other);
        assert!(kept.is_dir() && !gone.exists());
    }
}
