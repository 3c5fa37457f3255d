//! The command line of every program: its mode, the flags of its settings, and the options of the function.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use common_core::settings::Variable;
use common_core::{Error, Result};

use crate::flags;
use crate::function::{Function, Mode};
use crate::settings::{ListenSettings, ProcessSettings};

/// The port if neither `--port` nor `PORT` is set.
const DEFAULT_PORT: u16 = 8080;

/// The command line of a batch function, without the flags of its settings.
#[derive(Debug, Parser)]
pub(super) struct Cli<O: Args> {
    #[command(flatten)]
    pub(super) options: O,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// A parsed command line.
#[derive(Debug)]
pub(super) struct Parsed<O: Args> {
    pub(super) cli: Cli<O>,
    /// The options of the function that are present.
    pub(super) given: Vec<String>,
    /// The flags of the settings, for [`flags::variables`].
    pub(super) matches: ArgMatches,
}

/// Flags that print the settings instead of running.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(super) struct PrintArgs {
    /// Print the effective settings as JSON and exit: value, source, and who sets each
    #[arg(long)]
    pub(super) config: bool,
    /// With --config: print only the names of the variables that the program reads, one per line
    #[arg(long, requires = "config")]
    pub(super) names: bool,
}

/// Flags that select the mode.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // They are flags.
#[command(next_help_heading = "How")]
pub(super) struct RunArgs {
    /// Run once locally, even if PORT is set
    #[arg(long, conflicts_with = "serve")]
    pub(super) once: bool,
    /// Serve HTTP: POST / runs the function. Listens on all interfaces if PORT is set, otherwise on 127.0.0.1
    #[arg(long)]
    pub(super) serve: bool,
    /// Port for --serve [default: PORT, or 8080]
    #[arg(long, value_name = "PORT", requires = "serve")]
    pub(super) port: Option<u16>,
    /// Run without writing anything
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

/// The command line of a service, without the flags of its settings.
#[derive(Debug, Parser)]
pub(super) struct ServiceCli {
    /// Port to listen on: all interfaces if PORT is set, otherwise 127.0.0.1 [default: PORT, or 8080]
    #[arg(long, value_name = "PORT", help_heading = "How")]
    pub(super) port: Option<u16>,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

impl ServiceCli {
    /// Parses `arguments`, starting with the name of the program.
    ///
    /// # Errors
    /// The message that clap prints: help, version, or an invalid argument.
    pub(super) fn read(
        function: Function,
        declared: &[Variable],
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(Self, ArgMatches), clap::Error> {
        let matches = command::<Self>(function, declared).try_get_matches_from(arguments)?;
        Ok((Self::from_arg_matches(&matches)?, matches))
    }

    /// The interface and the port to listen on.
    pub(super) fn address(&self, settings: &ListenSettings) -> ([u8; 4], u16) {
        address(self.port, settings)
    }
}

impl<O: Args> Cli<O> {
    /// Parses `arguments`, starting with the name of the program.
    ///
    /// # Errors
    /// The message that clap prints: help, version, or an invalid argument.
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
    /// The mode that the environment and the flags select.
    pub(super) fn mode(&self, process: &ProcessSettings, listen: &ListenSettings) -> Mode {
        match self {
            _ if process.cloud_run_job.is_some() => Mode::Job,
            _ if self.once => Mode::Local,
            _ if self.serve || listen.port.is_some() => Mode::Http,
            _ => Mode::Local,
        }
    }

    /// The interface and the port to listen on.
    pub(super) fn address(&self, settings: &ListenSettings) -> ([u8; 4], u16) {
        address(self.port, settings)
    }
}

/// All interfaces if `PORT` is set, as in a container; otherwise the loopback interface.
fn address(flag: Option<u16>, settings: &ListenSettings) -> ([u8; 4], u16) {
    let port = settings.port.map(|port| port.get() as u16);
    let interface = if port.is_some() { [0, 0, 0, 0] } else { [127, 0, 0, 1] };
    (interface, flag.or(port).unwrap_or(DEFAULT_PORT))
}

/// Rejects the options of a run on the command line of a server, which would ignore them.
///
/// # Errors
/// `Configuration` that names the options.
pub(super) fn refuse_options(given: &[String]) -> Result<()> {
    match given {
        [] => Ok(()),
        given => Err(Error::configuration(format!(
            "invalid options {} for a server: send the options of a run in the body of POST /",
            given.join(", ")
        ))),
    }
}

/// The options of the function that are present on the command line.
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
