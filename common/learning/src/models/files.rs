//! The files of a saved model: JSON for people, binary for numbers, because JSON may change the last bit of a number.

use std::path::Path;

use common_core::error::OnPath;
use common_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a file.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).on_path("cannot write", path)
}

/// Writes a value in the binary form.
///
/// # Errors
/// Errors of the file system; `Internal` if the value cannot be serialized.
pub(crate) fn write_binary<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = postcard::to_stdvec(value)
        .map_err(|error| Error::internal(format!("cannot serialize {}: {error}", path.display())))?;
    write(path, &bytes)
}

/// Writes a value as JSON.
///
/// # Errors
/// Errors of the file system; `Internal` if the value cannot be serialized.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::internal("cannot serialize to JSON").caused_by(error))?;
    write(path, &text)
}

/// Reads a file.
///
/// # Errors
/// `NotFound` if it is missing; errors of the file system.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).on_path("cannot read", path)
}

/// Reads a value that [`write_binary`] has written.
///
/// # Errors
/// `NotFound` if the file is missing, `Corrupt` if it is invalid.
pub(crate) fn read_binary<T: DeserializeOwned>(path: &Path) -> Result<T> {
    postcard::from_bytes(&read(path)?).map_err(|error| {
        Error::corrupt(format!(
            "invalid file {:?}: expected a part of a model ({error}): run train-models for a new version",
            path.display()
        ))
    })
}

/// Reads a value that [`write_json`] has written.
///
/// # Errors
/// `NotFound` if the file is missing, `Corrupt` if it is invalid.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|error| {
        Error::corrupt(format!(
            "invalid file {:?}: expected JSON of a model: run train-models for a new version",
            path.display()
        ))
        .caused_by(error)
    })
}
