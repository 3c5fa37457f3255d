//! What every program does: start the log and the runtime, print its settings, and turn an error into an exit status.

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

/// Starts what every program has (log, allocator, runtime, signals), and does `work` until it ends.
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
    // A blocking call that was left behind must not hold the process.
    runtime.shutdown_timeout(shutdown::THREADS);
    code
}

/// The exit status of `outcome`; an error is printed on stderr.
pub(crate) fn exit(outcome: Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {}", error.chain());
        ExitCode::from(error.kind().exit_code())
    })
}

/// Prints what clap has to say: help goes to stdout with 0, a usage error to stderr with 2.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints mode and effective settings as JSON.
pub(crate) fn print_config(mode: Mode, variables: &Variables, declared: &[Variable]) -> Result<ExitCode> {
    let config: Value = json!({ "mode": mode, "variables": variables.describe(declared) });
    let text = serde_json::to_string_pretty(&config)
        .map_err(|error| Error::internal("the settings have no JSON form").caused_by(error))?;
    print_line(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the names of the variables, one a line.
pub(crate) fn print_names(declared: &[Variable]) -> Result<ExitCode> {
    let names: Vec<String> = declared.iter().map(Variable::name).collect();
    print_line(&names.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to stdout. A reader that has gone (`| head`) is not an error.
pub(crate) fn print_line(line: &str) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
