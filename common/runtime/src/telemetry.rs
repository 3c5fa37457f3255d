//! Log lines on stderr: text for a terminal, JSON for Cloud Logging.
//!
//! - `cloud`: JSON lines with the trace, labels, and the members for Error Reporting
//! - `trace`: the trace context of a request
//!
//! Two conventions hold in both formats. The fields of a span are added to every line that is logged in it (`trace_id`
//! and `span_id` identify the trace, the others become labels). A field of an event whose name ends with `_json`
//! contains JSON text, which is nested in the JSON line.

mod cloud;
mod trace;

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use common_core::{Error, Result};

use crate::function::Function;
use crate::progress;
use crate::settings::{LogFormat, ProcessSettings};

pub(crate) use trace::TraceContext;

/// Sets up logging to stderr with the format and the filter in `settings`, and a panic hook that logs panics.
///
/// # Errors
/// `Internal` if logging is already set up.
pub fn init(function: Function, settings: &ProcessSettings) -> Result<()> {
    let registry = tracing_subscriber::registry().with(settings.rust_log.filter());
    let is_json = match settings.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => settings.service_name().is_some(),
    };
    let set = if is_json {
        registry.with(cloud::CloudLayer::new(function, settings, Stderr)).try_init()
    } else {
        let text = fmt::layer().compact().with_target(false).with_ansi(io::stderr().is_terminal());
        registry.with(text.with_writer(Stderr)).try_init()
    };
    set.map_err(|error: TryInitError| Error::internal("logging is already set up").caused_by(error))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let (file, line) = info.location().map_or(("unknown", 0), |at| (at.file(), at.line()));
    tracing::error!(source.file = file, source.line = line, "panicked: {message}");
}

/// Standard error; hides the progress bars while a line is written.
#[derive(Debug, Clone, Copy)]
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        progress::without_bars(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
