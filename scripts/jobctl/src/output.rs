//! Standard output, whose reader may close the pipe early (`jobctl sql … | head`).

use std::io::{self, Write};

use common::{Error, Result};

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}

/// Wraps an error of standard output; keeps its cause for [`is_closed`].
pub(crate) fn failed(error: io::Error) -> Error {
    Error::unavailable("cannot write to standard output").caused_by(error)
}

/// Returns whether the reader of standard output closed the pipe, which is not reported as an error.
pub(crate) fn is_closed(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = inner.source();
    }
    false
}
