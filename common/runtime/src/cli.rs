//! The command line that every program has: how it is run, the flags of its settings, and the function's options.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use common_core::settings::Variable;
use common_core::{Error, Result};

use crate::flags;
use crate::function::{Function, Mode};
use crate::settings::{ListenSettings, ProcessSettings};

/// The port where neither `--port` nor `PORT` names one.
const DEFAULT_PORT: u16 = 8080;

/// The command line of a batch function, but for the flags of its settings.
#[derive(Debug, Parser)]
pub(super) struct Cli<O: Args> {
    #[command(flatten)]
    pub(super) options: O,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// A command line that was read.
#[derive(Debug)]
pub(super) struct Parsed<O: Args> {
    pub(super) cli: Cli<O>,
    /// The function's own options that stand on it.
    pub(super) given: Vec<String>,
    /// The flags of settings, for [`flags::variables`].
    pub(super) matches: ArgMatches,
}

/// What to print instead of running.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(super) struct PrintArgs {
    /// Print the effective settings as JSON and stop: value, source, and who sets each
    #[arg(long)]
    pub(super) config: bool,
    /// With --config: print the names of the variables that are read, one a line
    #[arg(long, requires = "config")]
    pub(super) names: bool,
}

/// How the function is run.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // They are flags.
#[command(next_help_heading = "How")]
pub(super) struct RunArgs {
    /// Run once here, even where PORT is set
    #[arg(long, conflicts_with = "serve")]
    pub(super) once: bool,
    /// Serve HTTP: POST / runs the function. On every interface where PORT is set, else on 127.0.0.1
    #[arg(long)]
    pub(super) serve: bool,
    /// Port for --serve [default: PORT, else 8080]
    #[arg(long, value_name = "PORT", requires = "serve")]
    pub(super) port: Option<u16>,
    /// Do everything but write
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

/// The command line of a service, but for the flags of its settings.
#[derive(Debug, Parser)]
pub(super) struct ServiceCli {
    /// Port to listen on, on every interface where PORT is set, else on 127.0.0.1 [default: PORT, else 8080]
    #[arg(long, value_name = "PORT", help_heading = "How")]
    pub(super) port: Option<u16>,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

impl ServiceCli {
    /// Reads `arguments`, the program's name first.
    ///
    /// # Errors
    /// What clap prints: help, version, or what is wrong with the arguments.
    pub(super) fn read(
        function: Function,
        declared: &[Variable],
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(Self, ArgMatches), clap::Error> {
        let matches = command::<Self>(function, declared).try_get_matches_from(arguments)?;
        Ok((Self::from_arg_matches(&matches)?, matches))
    }

    /// Where to listen.
    pub(super) fn address(&self, settings: &ListenSettings) -> ([u8; 4], u16) {
        address(self.port, settings)
    }
}

impl<O: Args> Cli<O> {
    /// Reads `arguments`, the program's name first.
    ///
    /// # Errors
    /// What clap prints: help, version, or what is wrong with the arguments.
    pub(super) fn read(
        function: Function,
        declared: &[Variable],
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Parsed<O>, clap::Error> {
        let matches = command::<Self>(function, declared).try_get_matches_from(arguments)?;
        Ok(Parsed { cli: Self::from_arg_matches(&matches)?, given: given::<O>(&matches), matches })
    }
}

fn command<C: CommandFactory>(function: Function, declared: &[Variable]) -> Command {
    let command = C::command().name(function.name).version(function.version).about(function.about);
    flags::add(command, declared)
}

impl RunArgs {
    /// Which way in the environment and the flags choose.
    pub(super) fn mode(&self, process: &ProcessSettings, listen: &ListenSettings) -> Mode {
        match self {
            _ if process.cloud_run_job.is_some() => Mode::Job,
            _ if self.once => Mode::Local,
            _ if self.serve || listen.port.is_some() => Mode::Http,
            _ => Mode::Local,
        }
    }

    /// Where to listen.
    pub(super) fn address(&self, settings: &ListenSettings) -> ([u8; 4], u16) {
        address(self.port, settings)
    }
}

/// Every interface in a container, where `PORT` is set, and only this machine elsewhere.
fn address(flag: Option<u16>, settings: &ListenSettings) -> ([u8; 4], u16) {
    let port = settings.port.map(|port| port.get() as u16);
    let interface = if port.is_some() { [0, 0, 0, 0] } else { [127, 0, 0, 1] };
    (interface, flag.or(port).unwrap_or(DEFAULT_PORT))
}

/// Refuses options of a run on the command line of a server, which would ignore them.
///
/// # Errors
/// `Configuration` that names them.
pub(super) fn refuse_options(given: &[String]) -> Result<()> {
    match given {
        [] => Ok(()),
        given => Err(Error::configuration(format!(
            "{} is an option of one run; a server takes it in the body of POST /",
            given.join(", ")
        ))),
    }
}

/// The function's own options that stand on the command line.
fn given<O: Args>(matches: &ArgMatches) -> Vec<String> {
    O::augment_args(Command::new("options"))
        .get_arguments()
        .filter(|argument| matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine))
        .map(|argument| match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => argument.get_id().to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
