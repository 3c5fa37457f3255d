//! `jobctl`, the operator's tool: load, generate, inspect, sql, export, forget.
//!
//! - [`load`]: appends files to `cleaned_jobs`, each file completely or not at all
//! - [`generate`]: makes a synthetic job market that depends only on its flags
//! - [`inspect`], [`sql`]: show the contents of the warehouse
//! - [`export`]: writes a table to a file
//! - [`forget`]: takes ads down

mod cell;
mod columns;
mod export;
mod forget;
mod format;
mod generate;
mod inspect;
mod load;
mod output;
mod pipe;
mod quality;
mod sql;
mod table;
mod timestamp;
mod warehouse;
mod write;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use common::config::{CommonArgs, Config, EmbeddingArgs};
use common::shim::Function;
use common::{Error, Result, telemetry};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Name and version of this program in log lines.
const TOOL: Function =
    Function { name: "jobctl", version: env!("CARGO_PKG_VERSION"), about: "The operator's tool" };

/// How long threads that outlive the command may take to clean up.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The operator's tool: load, generate, inspect, query, export and take down job ads.
#[derive(Debug, Parser)]
#[command(name = "jobctl", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Load(load::LoadArgs),
    Generate(generate::GenerateArgs),
    Inspect(inspect::InspectArgs),
    Sql(sql::SqlArgs),
    Export(export::ExportArgs),
    Forget(forget::ForgetArgs),
}

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn start(cli: Cli) -> Result<()> {
    let config = Config::load(&cli.common, &EmbeddingArgs::default())?;
    telemetry::init(TOOL, &config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(&config, cli.command) => outcome,
            name = wait_for_signal() => {
                Err(Error::cancelled(format!("stopped by {name}; no partial result was written")))
            }
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    outcome
}

/// Waits for SIGINT or SIGTERM and returns its name.
///
/// A signal whose handler cannot be installed keeps its default action, which ends the process.
async fn wait_for_signal() -> &'static str {
    let listen = |kind| signal(kind).ok();
    let wait = async |listener: Option<Signal>| match listener {
        Some(mut listener) => drop(listener.recv().await),
        None => std::future::pending().await,
    };
    tokio::select! {
        () = wait(listen(SignalKind::interrupt())) => "SIGINT",
        () = wait(listen(SignalKind::terminate())) => "SIGTERM",
    }
}

async fn run(config: &Config, command: Command) -> Result<()> {
    match command {
        Command::Load(args) => load::run(config, args).await,
        Command::Generate(args) => generate::run(config, args).await,
        Command::Inspect(args) => inspect::run(config, args).await,
        Command::Sql(args) => sql::run(config, args).await,
        Command::Export(args) => export::run(config, args).await,
        Command::Forget(args) => forget::run(config, args).await,
    }
}
