//! `jobctl`, the operator's tool: load, generate, inspect, artifacts, sql, export, forget.
//!
//! - [`load`]: files into `cleaned_jobs`, each whole or not at all
//! - [`generate`]: a market of our own, the same for the same seed
//! - [`inspect`], [`sql`]: what is in the warehouse
//! - [`artifacts`]: what is published in the artifact store
//! - [`export`]: a table into a file
//! - [`forget`]: a takedown

mod artifacts;
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

/// What log lines call this program.
const TOOL: Function =
    Function { name: "jobctl", version: env!("CARGO_PKG_VERSION"), about: "The operator's tool" };

/// Threads that a finished command may leave behind get this long to clean up.
const WIND_DOWN: Duration = Duration::from_secs(2);

/// The operator's tool: ads in, answers out.
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
    Artifacts(artifacts::ArtifactsArgs),
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
            name = signalled() => Err(Error::cancelled(format!("{name}: stopped; nothing is half-written"))),
        }
    });
    runtime.shutdown_timeout(WIND_DOWN);
    outcome
}

/// Waits for SIGINT or SIGTERM. Where they cannot be listened to, they end the process as they always do.
async fn signalled() -> &'static str {
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
        Command::Artifacts(args) => artifacts::run(config, args).await,
        Command::Sql(args) => sql::run(config, args).await,
        Command::Export(args) => export::run(config, args).await,
        Command::Forget(args) => forget::run(config, args).await,
    }
}
