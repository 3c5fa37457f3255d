//! The error type of all libraries: a kind, a message of one sentence, and a cause.
//!
//! The message is for the operator: it names files, tables and buckets. An HTTP client sees only a second, public
//! message, which an error has only if it is about the client's input ([`Error::for_caller`]).

use std::fmt;
use std::path::Path;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// `Result` with the bundle's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure, which determines who can fix it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A setting is missing or invalid. The operator must change it; a retry does not help.
    Configuration,
    /// The input (a file, a request, an argument) is invalid. The caller must change it.
    InvalidInput,
    /// A named thing does not exist.
    NotFound,
    /// A precondition did not hold, usually because of a concurrent change.
    Conflict,
    /// A remote service is busy, down or unreachable at the moment. The only kind for which a retry can succeed.
    Unavailable,
    /// Permission is denied, or there are no valid credentials.
    Forbidden,
    /// A resource is exhausted: disk, memory, quota.
    Exhausted,
    /// Stored data is truncated, altered, or in another format version.
    Corrupt,
    /// The run was stopped before it finished.
    Cancelled,
    /// A bug, or a response that fits no other kind.
    Internal,
}

impl ErrorKind {
    /// Returns whether the same call can succeed later without any change.
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

/// A failure: its [`ErrorKind`], a message of one sentence that names the subject and the remedy, and an optional
/// cause.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    /// For the log and the terminal.
    message: String,
    /// For the sender of a request. `None` if the failure is not about the request.
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
    /// An error with a kind and a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), outside: None, source: None }
    }

    /// Sets the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Makes the current message public. It must describe only the caller's input.
    #[must_use]
    pub fn for_caller(mut self) -> Self {
        self.outside = Some(self.message.clone());
        self
    }

    /// The public message for the sender of a request, or `None` if they may learn only that the request failed.
    pub fn outside(&self) -> Option<&str> {
        self.outside.as_deref()
    }

    /// Prepends `context` to the message. The kind, the cause and the public message do not change.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Appends a remedy to the message. The public message does not change.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.message = format!("{}: {remedy}", self.message);
        self
    }

    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message and its causes in one line, for a terminal or a log. A cause that the line contains already is
    /// omitted.
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
    /// [`ErrorKind::Configuration`] with this message.
    configuration => Configuration,
    /// [`ErrorKind::InvalidInput`] with this message.
    invalid_input => InvalidInput,
    /// [`ErrorKind::NotFound`] with this message.
    not_found => NotFound,
    /// [`ErrorKind::Conflict`] with this message.
    conflict => Conflict,
    /// [`ErrorKind::Unavailable`] with this message.
    unavailable => Unavailable,
    /// [`ErrorKind::Exhausted`] with this message.
    exhausted => Exhausted,
    /// [`ErrorKind::Corrupt`] with this message.
    corrupt => Corrupt,
    /// [`ErrorKind::Cancelled`] with this message.
    cancelled => Cancelled,
    /// [`ErrorKind::Internal`] with this message.
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

/// Adds the action and the path to an I/O error.
pub trait OnPath<T> {
    /// Converts to an [`Error`] whose message begins with `doing` and the path: "cannot read data/x: no such file".
    ///
    /// # Errors
    /// The I/O error, converted.
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
    fn only_unavailable_is_retryable_and_only_user_errors_exit_with_2() {
        assert!(ErrorKind::Unavailable.is_retryable());
        assert!(!ErrorKind::Corrupt.is_retryable());
        assert_eq!(ErrorKind::Configuration.exit_code(), 2);
        assert_eq!(ErrorKind::InvalidInput.exit_code(), 2);
        assert_eq!(ErrorKind::Unavailable.exit_code(), 1);
    }

    #[test]
    fn an_io_error_keeps_its_source_and_names_its_path() {
        let missing = Path::new("data/no such folder/jobs.duckdb");
        let error = std::fs::read(missing).on_path("cannot read", missing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot read data/no such folder/jobs.duckdb: "), "{error}");
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        let source: &std::io::Error = source.expect("the system's error");
        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        assert_eq!(error.chain(), error.to_string(), "the cause is repeated");
    }

    #[test]
    fn the_public_message_is_not_changed_by_context_and_remedy() {
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
