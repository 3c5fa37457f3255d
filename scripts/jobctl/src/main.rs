//! `jobctl`, the operator's tool: load, generate, inspect, artifacts, sql, export, forget.
//!
//! - [`load`]: appends files to `cleaned_jobs`, each file completely or not at all
//! - [`generate`]: makes a synthetic job market that depends only on its flags
//! - [`inspect`], [`sql`]: show the contents of the warehouse
//! - [`artifacts`]: lists and shows published artifacts
//! - [`daily`]: runs the functions of a day in order
//! - [`export`]: writes a table to a file
//! - [`forget`]: takes ads down

mod artifacts;
mod cell;
mod columns;
mod daily;
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

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use common::runtime::settings::ProcessSettings;
use common::runtime::{Function, flags, telemetry};
use common::settings::Settings;
use common::storage::settings::StorageSettings;
use common::{Error, Result, compose_settings};
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
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Load(load::LoadArgs),
    Generate(generate::GenerateArgs),
    Inspect(inspect::InspectArgs),
    Artifacts(artifacts::ArtifactsArgs),
    Daily(daily::DailyArgs),
    Sql(sql::SqlArgs),
    Export(export::ExportArgs),
    Forget(forget::ForgetArgs),
}

compose_settings! {
    /// What the tool reads.
    struct ToolSettings {
        /// What is logged.
        pub process: ProcessSettings,
        /// Where rows and artifacts are.
        pub storage: StorageSettings,
    }
}

fn main() -> ExitCode {
    let matches = flags::add(Cli::command(), &ToolSettings::variables()).get_matches();
    match start(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn start(matches: &ArgMatches) -> Result<()> {
    let cli = Cli::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let variables = flags::variables(matches, &ToolSettings::variables())?;
    let settings = ToolSettings::read(&variables)?;
    telemetry::init(TOOL, &settings.process)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(&settings.storage, cli.command) => outcome,
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

async fn run(settings: &StorageSettings, command: Command) -> Result<()> {
    match command {
        Command::Load(args) => load::run(settings, args).await,
        Command::Generate(args) => generate::run(settings, args).await,
        Command::Inspect(args) => inspect::run(settings, args).await,
        Command::Artifacts(args) => artifacts::run(settings, args).await,
        Command::Daily(args) => daily::run(settings, args).await,
        Command::Sql(args) => sql::run(settings, args).await,
        Command::Export(args) => export::run(settings, args).await,
        Command::Forget(args) => forget::run(settings, args).await,
    }
}
