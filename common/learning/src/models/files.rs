//! Files of models: JSON for people, postcard for numbers, because JSON may change the last bit of a number.

use std::path::Path;

use common_core::error::OnPath;
use common_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).on_path("cannot read", path)
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).on_path("cannot write", path)
}

/// Writes `value` in postcard's format.
pub(crate) fn write_binary<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = postcard::to_stdvec(value)
        .map_err(|error| Error::internal(format!("cannot serialize {}: {error}", path.display())))?;
    write(path, &bytes)
}

/// Reads a value of `model`, such as "a salary model", that [`write_binary`] has written.
pub(crate) fn read_binary<T: DeserializeOwned>(path: &Path, model: &str) -> Result<T> {
    postcard::from_bytes(&read(path)?).map_err(|error| {
        Error::corrupt(format!("invalid file {:?}: expected a part of {model} ({error})", path.display()))
    })
}

/// Writes `value` as JSON.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::internal("cannot serialize to JSON").caused_by(error))?;
    write(path, &text)
}

/// Reads a value of `model` that [`write_json`] has written.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, model: &str) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|error| {
        Error::corrupt(format!("invalid file {:?}: expected JSON of {model}", path.display()))
            .caused_by(error)
    })
}
