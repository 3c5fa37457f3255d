//! Local copies of versions. Lengths and checksums are verified when a copy is made; later uses compare
//! length, inode and change time.
//!
//! A copy is a folder `{version}-{prefix}-{digest of the manifest}`: the digest distinguishes versions of the same
//! name in different stores.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common_core::artifact::{FileFacts, MANIFEST};
use common_core::error::OnPath;
use common_core::{Error, ErrorKind, Result, feed};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::{Registry, version_number};
use crate::staging::{StagingFolder, discard};

/// Number of local copies that are kept for each prefix.
const KEPT_COPIES: usize = 3;

/// Name of the file that records which files were verified, so that later calls need not read them again.
const STAMP: &str = ".verified";

type Files = BTreeMap<String, FileFacts>;

impl Registry {
    /// Copies a version into a folder below `cache`, and returns the folder. An existing copy is reused unless it
    /// was altered. A folder appears complete, each file with the length and checksum of the manifest.
    ///
    /// # Errors
    /// Errors of [`Registry::manifest`]; `Corrupt`, with the file's name, if a file differs from the manifest.
    pub async fn install(&self, version: &str, cache: &Path) -> Result<PathBuf> {
        let (manifest, header) = self.header(version).await?;
        let files = Arc::new(header.files);
        let folder = cache.join(self.copy_name(version, &manifest));
        if tokio::fs::try_exists(&folder).await.on_path("cannot look at", &folder)? {
            match verify_copy(&folder, &manifest, &files).await {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tracing::warn!("the local copy is replaced: {}", error.chain());
                    let altered = folder.clone();
                    blocking(move || discard(&altered)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let staging = StagingFolder::create(cache).await?;
        for (file, facts) in files.iter() {
            self.download(version, file, facts, staging.path()).await?;
        }
        verify_files(staging.path(), &files, format!("{}/{version}", self.prefix)).await?;
        let path = staging.path().join(MANIFEST);
        tokio::fs::write(&path, &manifest).await.on_path("cannot write", &path)?;
        match tokio::fs::rename(staging.path(), &folder).await {
            Ok(()) => {
                staging.keep();
                let (cache, key) = (cache.to_owned(), self.copy_key());
                // Processes that have files of a removed copy open can still read them.
                let _ = blocking(move || remove_old_copies(&cache, &key)).await;
                Ok(folder)
            }
            // Another process installed the copy in the meantime.
            Err(_) if folder.join(MANIFEST).is_file() => Ok(folder),
            Err(error) => Err(error).on_path("cannot make", &folder),
        }
    }

    fn copy_key(&self) -> String {
        self.prefix.replace('/', ".")
    }

    fn copy_name(&self, version: &str, manifest: &[u8]) -> String {
        let digest = hex::encode(Sha256::digest(manifest));
        format!("{version}-{}-{}", self.copy_key(), &digest[..16])
    }

    async fn download(&self, version: &str, file: &str, facts: &FileFacts, folder: &Path) -> Result<()> {
        let name = self.name(version, file);
        let mut reading = self.store.read(&name).await?.ok_or_else(|| altered(&name, "it is missing"))?;
        let found = reading.facts.size_bytes;
        if found != facts.bytes {
            return Err(altered(&name, &format!("it has {found} bytes instead of {}", facts.bytes)));
        }
        let path = folder.join(file);
        let unwritten =
            |error| Error::from(error).context(format!("cannot write {name} to {}", path.display()));
        let mut target = tokio::fs::File::create(&path).await.map_err(unwritten)?;
        while let Some(chunk) = reading.chunks.try_next().await? {
            target.write_all(&chunk).await.map_err(unwritten)?;
        }
        target.flush().await.map_err(unwritten)
    }
}

/// The error for a file that differs from the manifest.
pub(super) fn altered(name: &str, how: &str) -> Error {
    Error::corrupt(format!("{name} is damaged: {how}: rebuild the artifact or promote another version"))
}

/// Compares a local copy with the manifest in the store.
async fn verify_copy(folder: &Path, manifest: &[u8], files: &Arc<Files>) -> Result<()> {
    let (origin, path) = (folder.display().to_string(), folder.join(MANIFEST));
    match tokio::fs::read(&path).await {
        Ok(known) if known == manifest => verify_files(folder, files, origin).await,
        Ok(_) => Err(altered(&path.display().to_string(), "it differs from the manifest in the store")),
        Err(error) => Err(altered(&path.display().to_string(), "it cannot be read").caused_by(error)),
    }
}

async fn verify_files(folder: &Path, files: &Arc<Files>, origin: String) -> Result<()> {
    let (folder, files) = (folder.to_owned(), Arc::clone(files));
    blocking(move || verify(&folder, &files, &origin)).await
}

/// Runs on a thread because it reads and removes gigabytes.
async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    feed::blocking("work on the files of an artifact", work).await
}

/// Compares every file of `folder` with the manifest. Files that were verified before are recognised by length,
/// inode and change time.
///
/// # Errors
/// `Corrupt`, with the file's name in `origin`, if a file is missing or altered.
fn verify(folder: &Path, files: &Files, origin: &str) -> Result<()> {
    let state = state(folder, files, origin)?;
    if std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|known| known == state) {
        return Ok(());
    }
    for (name, facts) in files {
        if FileFacts::of(&folder.join(name))?.sha256 != facts.sha256 {
            return Err(altered(&format!("{origin}/{name}"), "its checksum differs"));
        }
    }
    // The stamp only saves time: failing to write it is not an error.
    let _ = std::fs::write(folder.join(STAMP), state);
    Ok(())
}

/// A string that changes if a file changes, even if the writer sets the modification time.
fn state(folder: &Path, files: &Files, origin: &str) -> Result<String> {
    let mut state = String::new();
    for (name, facts) in files {
        let altered = |how: &str| altered(&format!("{origin}/{name}"), how);
        let found = std::fs::metadata(folder.join(name))
            .map_err(|error| altered("it cannot be read").caused_by(error))?;
        if found.len() != facts.bytes {
            return Err(altered(&format!("it has {} bytes instead of {}", found.len(), facts.bytes)));
        }
        let facts = (&facts.sha256, name, found.dev(), found.ino(), found.ctime(), found.ctime_nsec());
        let _ = writeln!(state, "{facts:?}");
    }
    Ok(state)
}

/// Removes the copies of one prefix except the last few.
fn remove_old_copies(cache: &Path, key: &str) -> Result<()> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(cache).on_path("cannot list", cache)? {
        let entry = entry.on_path("cannot list", cache)?;
        if is_copy(&entry.file_name().to_string_lossy(), key) && entry.path().is_dir() {
            let modified = entry.metadata().and_then(|facts| facts.modified());
            copies.push((modified.on_path("cannot look at", &entry.path())?, entry.path()));
        }
    }
    copies.sort();
    let old = copies.len().saturating_sub(KEPT_COPIES);
    copies[..old].iter().try_for_each(|(_, folder)| discard(folder))
}

/// Whether a folder is a copy of the prefix `key`. Copies made by version 0.1.0 have no prefix in their names and
/// count for every prefix.
fn is_copy(name: &str, key: &str) -> bool {
    let Some((version, rest)) = name.split_once('-') else { return false };
    let prefix = rest.rsplit_once('-').map(|(prefix, _)| prefix);
    version_number(version).is_some() && prefix.is_none_or(|prefix| prefix == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_counted_by_prefix() {
        let (index, model) = ("v3-indexes-0123456789abcdef", "v3-models.a-b-0123456789abcdef");
        assert!(is_copy(index, "indexes") && !is_copy(index, "models.a-b"));
        assert!(is_copy(model, "models.a-b") && !is_copy(model, "models.a"));
        assert!(is_copy("v3-0123456789abcdef", "indexes"), "of version 0.1.0");
        for other in ["indexes", "v03-indexes-0123", "x3-indexes-0123", ".staging-v3", "v-indexes-0"] {
            assert!(!is_copy(other, "indexes"), "{other}");
        }
    }
}
