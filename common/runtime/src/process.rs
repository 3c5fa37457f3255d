//! Common steps of every program: starting the log and the Tokio runtime, printing the settings, and exit codes.

use std::io::{self, Write};
use std::process::ExitCode;

use common_core::settings::{Variable, Variables};
use common_core::{Error, Result, memory};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::function::{Function, Mode};
use crate::server::allow_many_connections;
use crate::settings::ProcessSettings;
use crate::{shutdown, telemetry};

/// Starts the log, the allocator, the Tokio runtime and the signal handlers, and runs `work`.
pub(crate) fn boot<F, Fut>(
    function: Function,
    settings: &ProcessSettings,
    workers: usize,
    work: F,
) -> Result<ExitCode>
where
    F: FnOnce(CancellationToken) -> Fut,
    Fut: Future<Output = Result<ExitCode>>,
{
    telemetry::init(function, settings)?;
    memory::use_one_arena();
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Error::internal("cannot start threads").caused_by(error))?;
    let code = runtime.block_on(async { work(shutdown::on_signal()?).await });
    // A blocking call that is still running must not prevent the process from ending.
    runtime.shutdown_timeout(shutdown::THREADS);
    code
}

/// The exit code of `outcome`; an error is printed on stderr.
pub(crate) fn exit(outcome: Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {}", error.chain());
        ExitCode::from(error.kind().exit_code())
    })
}

/// Prints a message of clap and returns the exit code: 0 for help on stdout, 2 for a usage error on stderr.
pub(crate) fn print_usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints the mode and the effective settings as JSON.
pub(crate) fn print_config(mode: Mode, variables: &Variables, declared: &[Variable]) -> Result<ExitCode> {
    let config: Value = json!({ "mode": mode, "variables": variables.describe(declared) });
    let text = serde_json::to_string_pretty(&config)
        .map_err(|error| Error::internal("the settings cannot be serialized").caused_by(error))?;
    print_line(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the names of the variables, one per line.
pub(crate) fn print_names(declared: &[Variable]) -> Result<ExitCode> {
    let names: Vec<String> = declared.iter().map(Variable::name).collect();
    print_line(&names.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a line to stdout. A closed pipe (`| head`) is not an error.
pub(crate) fn print_line(line: &str) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
