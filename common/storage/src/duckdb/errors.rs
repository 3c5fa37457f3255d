//! Translates DuckDB's error messages.

use std::path::Path;

use common_core::{Error, ErrorKind, Result};

/// Part of an engine's message, error kind, and sentence for the user. The engine has one error code for all
/// errors, so only the text distinguishes them; `tests/faults` provokes each of these errors.
const MEANINGS: &[(&str, ErrorKind, &str)] = &[
    ("Could not set lock", ErrorKind::Unavailable, "is held by another process"),
    ("different configuration", ErrorKind::Unavailable, "is open in this process already"),
    (
        "version number",
        ErrorKind::Corrupt,
        "was written by another version of DuckDB than this program reads (1.5): export its tables to Parquet there and load them, or write \
         it with STORAGE_VERSION 'v1.0.0'",
    ),
    ("not a valid DuckDB database", ErrorKind::Corrupt, "is not a DuckDB database"),
    ("Corrupt database file", ErrorKind::Corrupt, "is damaged"),
    ("Failed to load metadata pointer", ErrorKind::Corrupt, "is damaged"),
    ("Could not read enough bytes", ErrorKind::Corrupt, "is damaged: it is truncated"),
    ("Could not read from file", ErrorKind::Corrupt, "is damaged: it is truncated"),
    ("No space left on device", ErrorKind::Exhausted, "cannot grow: the disk is full"),
    ("Could not write", ErrorKind::Exhausted, "cannot be written: is the disk full?"),
    ("Out of Memory", ErrorKind::Exhausted, "needs more memory or temporary disk space than it may use"),
    ("Permission denied", ErrorKind::Forbidden, "may not be opened by this user"),
    ("read-only mode", ErrorKind::InvalidInput, "is open for reading only: this statement would write"),
    (
        "Table with name cleaned_jobs does not exist",
        ErrorKind::NotFound,
        "has no table cleaned_jobs: load ads with `jobctl load FILE` or make some with `jobctl generate`",
    ),
];

/// Why work on a connection failed: an error of the engine or of this program.
pub(super) enum Failure {
    Engine(::duckdb::Error),
    Ours(Error),
}

impl From<::duckdb::Error> for Failure {
    fn from(error: ::duckdb::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

pub(super) type Outcome<T> = Result<T, Failure>;

/// Translates an engine's error: kind, and one sentence with the file's name. Errors that a user can fix have a
/// sentence of this program (the engine's message is logged at debug level); errors in a statement keep the
/// engine's message.
pub(super) fn translate(error: ::duckdb::Error, path: &Path) -> Error {
    let text = error.to_string();
    let name = path.display();
    let is_of = |kinds: &[&str]| kinds.iter().any(|kind| text.starts_with(&format!("{kind} Error")));
    let fault = || Error::invalid_input(text.split_whitespace().collect::<Vec<_>>().join(" "));
    // Checked first, because these messages quote the statement, which may contain any of the texts below.
    if is_of(&["Parser", "Binder", "Catalog"])
        && !text.contains("Table with name cleaned_jobs does not exist")
    {
        return fault();
    }
    if let Some((part, kind, sentence)) = MEANINGS.iter().find(|(part, _, _)| text.contains(part)) {
        tracing::debug!(engine = text, "DuckDB refused");
        let holder = if *part == "Could not set lock" { holder(&text) } else { String::new() };
        return Error::new(*kind, format!("{name} {sentence}{holder}"));
    }
    if is_of(&["Conversion", "Permission", "Invalid Input", "Out of Range"]) {
        return fault();
    }
    Error::internal(format!("DuckDB failed on {name}")).caused_by(error)
}

/// The process that holds the lock, from the engine's message: `Conflicting lock is held in PROGRAM (PID 7)`.
fn holder(text: &str) -> String {
    let Some((_, rest)) = text.split_once("Conflicting lock is held in ") else { return String::new() };
    let end = rest.find(" by user").or_else(|| rest.find(". ")).unwrap_or(rest.len());
    format!(": {}; wait for it to end or stop it", rest[..end].trim_end_matches('.'))
}
