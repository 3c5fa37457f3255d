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

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Config, LogFormat};
use crate::error::{Error, Result};
use crate::shim::{Function, progress};

pub(crate) use trace::TraceContext;

/// Sends this process's log lines to stderr, and a panic to the log, in the format and from the level that `config` asks for.
///
/// # Errors
/// `Configuration` where `RUST_LOG` is not a filter; `Internal` where something else already takes the log.
pub fn init(function: Function, config: &Config) -> Result<()> {
    let registry = tracing_subscriber::registry().with(filter(&config.log_filter)?);
    let is_json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => config.service.is_some(),
    };
    let set = if is_json {
        registry.with(cloud::CloudLayer::new(function, config, Stderr)).try_init()
    } else {
        let text = fmt::layer().compact().with_target(false).with_ansi(io::stderr().is_terminal());
        registry.with(text.with_writer(Stderr)).try_init()
    };
    set.map_err(|error: TryInitError| Error::internal("the log is already set up").caused_by(error))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Reads what `RUST_LOG` says. A lone word has to be a level: it would else be taken for a module and silence the rest.
pub(crate) fn filter(text: &str) -> Result<EnvFilter> {
    let refused = || {
        Error::configuration(format!(
            "RUST_LOG is {text:?}; allowed is off, error, warn, info, debug, trace, or a list such as info,hyper=debug"
        ))
    };
    let is_word = |part: &&str| !part.contains(['=', '[', ']', '{', '}', '"']);
    if text.split(',').filter(is_word).any(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(refused());
    }
    // `error` is the floor for modules that the list leaves out; it keeps the spans that carry trace and labels.
    EnvFilter::builder().parse(format!("error,{text}")).map_err(|error| refused().caused_by(error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_log_takes_levels_and_lists_and_refuses_the_rest_by_name() {
        for good in ["info", "INFO", "off", "warn,hyper=debug", "embed_new_jobs=trace", "info,hyper=off"] {
            filter(good).unwrap();
        }
        for bad in ["verbose", "info,loud", "hyper=noisy", "info, debug", "a=b=c"] {
            let error = filter(bad).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Configuration);
            assert!(
                error.to_string().starts_with(&format!("RUST_LOG is {bad:?}; allowed is off, error")),
                "{error}"
            );
        }
    }
}
