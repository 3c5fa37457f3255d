//! `jobctl`, the operator's tool: load, generate, inspect, sql, export, forget.
//!
//! - [`load`]: files into `cleaned_jobs`, each whole or not at all
//! - [`generate`]: a market of our own, the same for the same seed
//! - [`inspect`], [`sql`]: what is in the warehouse
//! - [`export`]: a table into a file
//! - [`forget`]: a takedown

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

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use common::runtime::settings::ProcessSettings;
use common::runtime::{Function, flags, telemetry};
use common::settings::Settings;
use common::storage::settings::StorageSettings;
use common::{Error, Result, compose_settings};
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

async fn run(settings: &StorageSettings, command: Command) -> Result<()> {
    match command {
        Command::Load(args) => load::run(settings, args).await,
        Command::Generate(args) => generate::run(settings, args).await,
        Command::Inspect(args) => inspect::run(settings, args).await,
        Command::Sql(args) => sql::run(settings, args).await,
        Command::Export(args) => export::run(settings, args).await,
        Command::Forget(args) => forget::run(settings, args).await,
    }
}
