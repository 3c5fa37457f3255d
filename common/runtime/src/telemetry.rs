//! Log lines on stderr: text for people, JSON for Cloud Logging.
//!
//! - `cloud`: the JSON line, with trace, labels and what Error Reporting groups by
//! - `trace`: the caller's trace context
//!
//! Two conventions hold in both formats. A span's fields belong to every line logged within it (`trace_id` and
//! `span_id` name the trace, the others become labels). An event's field whose name ends in `_json` holds JSON text,
//! which the JSON line nests.

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

/// Sends this process's log lines to stderr, and a panic to the log, in the format and from the level that `settings` ask for.
///
/// # Errors
/// `Internal` where something else already takes the log.
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
    set.map_err(|error: TryInitError| Error::internal("the log is already set up").caused_by(error))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let (file, line) = info.location().map_or(("unknown", 0), |at| (at.file(), at.line()));
    tracing::error!(source.file = file, source.line = line, "panicked: {message}");
}

/// Standard error, with the progress bar out of the way while a line is written.
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
