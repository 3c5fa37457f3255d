//! One error type for everything below the binaries: what kind of failure, one sentence, and its cause.
//!
//! The sentence is for the operator: it names files, tables and buckets. What somebody who asks over HTTP may read is a
//! second sentence, and only an error that is about what they gave has one ([`Error::for_caller`]).

use std::fmt;
use std::path::Path;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// `Result` with the bundle's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure means for whoever has to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A setting is missing or has a value outside its domain. The operator mends it; a retry does not.
    Configuration,
    /// The input (a file, a request, an argument) breaks its contract. The caller mends it.
    InvalidInput,
    /// A named thing does not exist.
    NotFound,
    /// A precondition did not hold: somebody else was there first.
    Conflict,
    /// The other side is busy, down, or out of reach for now. The only kind that a retry can help.
    Unavailable,
    /// No permission, or no valid credentials.
    Forbidden,
    /// No room: disk, memory, quota.
    Exhausted,
    /// Stored bytes are not what was written: truncated, altered, or of another version.
    Corrupt,
    /// The run was asked to stop before it finished.
    Cancelled,
    /// A defect of ours, or an answer that we have no better name for.
    Internal,
}

impl ErrorKind {
    /// Says whether the same call may succeed later without anybody mending anything.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable)
    }

    /// Exit status of a process that ends with this error: 2 for configuration and usage, 1 for the rest.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Configuration | Self::InvalidInput => 2,
            _ => 1,
        }
    }
}

/// A failure: its [`ErrorKind`], one sentence that names the thing and the remedy, and the cause where there is one.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    /// Inside: for the log and the terminal.
    message: String,
    /// Outside: for the sender of a request. `None` where the failure is not about what they sent.
    outside: Option<String>,
    #[source]
    source: Option<Source>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), outside: None, source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Makes the current message public: it describes only what the caller gave.
    #[must_use]
    pub fn for_caller(mut self) -> Self {
        self.outside = Some(self.message.clone());
        self
    }

    /// What the sender of a request may read. `None`: the failure is not theirs to mend, and they learn only that there is one.
    pub fn outside(&self) -> Option<&str> {
        self.outside.as_deref()
    }

    /// Puts `context` before the sentence and keeps kind, cause, and what the sender of a request may read.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Adds what to do about it after the sentence; what the sender of a request may read stays.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.message = format!("{}: {remedy}", self.message);
        self
    }

    /// What the failure means for whoever has to act on it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence and its causes in one line, for a terminal or a log.
    pub fn chain(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            let text = inner.to_string().replace('\n', " ");
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = inner.source();
        }
        line
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),+ $(,)?) => {
        impl Error {
            $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Self {
                Self::new(ErrorKind::$kind, message)
            })+
        }
    };
}

constructors! {
    /// [`ErrorKind::Configuration`] with this sentence.
    configuration => Configuration,
    /// [`ErrorKind::InvalidInput`] with this sentence.
    invalid_input => InvalidInput,
    /// [`ErrorKind::NotFound`] with this sentence.
    not_found => NotFound,
    /// [`ErrorKind::Conflict`] with this sentence.
    conflict => Conflict,
    /// [`ErrorKind::Unavailable`] with this sentence.
    unavailable => Unavailable,
    /// [`ErrorKind::Exhausted`] with this sentence.
    exhausted => Exhausted,
    /// [`ErrorKind::Corrupt`] with this sentence.
    corrupt => Corrupt,
    /// [`ErrorKind::Cancelled`] with this sentence.
    cancelled => Cancelled,
    /// [`ErrorKind::Internal`] with this sentence.
    internal => Internal,
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Forbidden,
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::Exhausted,
            Io::AlreadyExists => ErrorKind::Conflict,
            Io::TimedOut | Io::ConnectionRefused | Io::ConnectionReset | Io::BrokenPipe => {
                ErrorKind::Unavailable
            }
            _ => ErrorKind::Internal,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}

/// Says of a failed input or output what was done to which file.
pub trait OnPath<T> {
    /// As [`Error`], whose sentence begins with `doing` and the path: "cannot read data/x: no such file".
    ///
    /// # Errors
    /// The failure.
    fn on_path(self, doing: &str, path: &Path) -> Result<T>;
}

impl<T> OnPath<T> for std::io::Result<T> {
    fn on_path(self, doing: &str, path: &Path) -> Result<T> {
        self.map_err(|error| Error::from(error).context(format_args!("{doing} {}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unavailable_is_worth_a_retry_and_only_user_faults_exit_with_2() {
        assert!(ErrorKind::Unavailable.is_retryable());
        assert!(!ErrorKind::Corrupt.is_retryable());
        assert_eq!(ErrorKind::Configuration.exit_code(), 2);
        assert_eq!(ErrorKind::InvalidInput.exit_code(), 2);
        assert_eq!(ErrorKind::Unavailable.exit_code(), 1);
    }

    #[test]
    fn an_io_error_keeps_its_source_and_gets_its_path() {
        let missing = Path::new("data/no such folder/jobs.duckdb");
        let error = std::fs::read(missing).on_path("cannot read", missing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot read data/no such folder/jobs.duckdb: "), "{error}");
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        let source: &std::io::Error = source.expect("the system's error");
        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        assert_eq!(error.chain(), error.to_string(), "the cause is said once");
    }

    #[test]
    fn only_what_is_about_the_callers_input_is_for_the_caller() {
        let error = Error::not_found("no table cleaned_jobs in data/jobs.duckdb");
        assert_eq!(error.outside(), None);
        let error =
            Error::not_found("there is no version v7").for_caller().context("gs://b/p").remedy("build");
        assert_eq!(error.outside(), Some("there is no version v7"));
        assert_eq!(error.to_string(), "gs://b/p: there is no version v7: build");
    }

    #[test]
    fn chain_names_every_cause_once() {
        let io = std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left");
        let error = Error::from(io).context("data/jobs.duckdb").caused_by("no space left");
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert_eq!(error.chain(), "data/jobs.duckdb: no space left");
    }
}
