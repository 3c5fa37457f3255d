//! A version's files on this machine: as the manifest says, byte by byte.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common_core::error::OnPath;
use common_core::{Error, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What was found whole, so that the next look need not read gigabytes.
const STAMP: &str = ".verified";

/// The part of a manifest that placing needs.
#[derive(Deserialize)]
pub(crate) struct Contents {
    pub(crate) files: Vec<FileFacts>,
}

#[derive(Deserialize)]
pub(crate) struct FileFacts {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    sha256: String,
}

/// Compares every file of `folder` with the manifest. What was found whole once is known by lengths, places and times of last change.
///
/// # Errors
/// `Corrupt`, with the file's name below `origin`, where one is missing or altered.
pub(crate) fn verify(folder: &Path, contents: &Contents, origin: &str) -> Result<()> {
    let altered = |name: &str, how: &str| altered(&format!("{origin}/{name}"), how);
    let state = state(folder, contents, &altered)?;
    if std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|known| known == state) {
        return Ok(());
    }
    for file in &contents.files {
        let mut digest = Sha256::new();
        let path = folder.join(&file.name);
        let copied = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut digest));
        copied.on_path("cannot read", &path)?;
        if hex::encode(digest.finalize()) != file.sha256 {
            return Err(altered(&file.name, "its checksum differs"));
        }
    }
    // Only saves time: a stamp that cannot be kept is no failure.
    let _ = std::fs::write(folder.join(STAMP), state);
    Ok(())
}

/// What changes when a file does, whoever changes it and whatever they set its times to.
fn state(folder: &Path, contents: &Contents, altered: &dyn Fn(&str, &str) -> Error) -> Result<String> {
    let mut state = String::new();
    for file in &contents.files {
        let found = std::fs::metadata(folder.join(&file.name))
            .map_err(|error| altered(&file.name, "it cannot be read").caused_by(error))?;
        if found.len() != file.bytes {
            let found = found.len();
            return Err(altered(&file.name, &format!("it has {found} bytes instead of {}", file.bytes)));
        }
        let facts = (&file.sha256, &file.name, found.dev(), found.ino(), found.ctime(), found.ctime_nsec());
        let _ = writeln!(state, "{facts:?}");
    }
    Ok(state)
}

/// A file is not what the manifest says.
pub(crate) fn altered(name: &str, how: &str) -> Error {
    Error::corrupt(format!("{name} is not as it was written: {how}; build again, or promote another version"))
}
