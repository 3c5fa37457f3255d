//! The command line that every function has: the shim's own flags, the common ones, and the function's options.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};

use super::Function;
use crate::config::{CommonArgs, Config, EmbeddingArgs, Mode, ServingArgs};
use crate::error::{Error, Result};

/// The port where neither `--port` nor `PORT` names one.
const DEFAULT_PORT: u16 = 8080;

/// A whole command line.
#[derive(Debug, Parser)]
pub(super) struct Cli<O: Args> {
    #[command(flatten)]
    pub(super) options: O,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    pub(super) embedding: EmbeddingArgs,
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
    /// Print the effective configuration as JSON and stop
    #[arg(long = "config")]
    pub(super) print_config: bool,
}

/// The command line of a service.
#[derive(Debug, Parser)]
pub(super) struct ServiceCli {
    #[command(flatten)]
    pub(super) serving: ServingArgs,
    /// Port to listen on, on every interface where PORT is set, else on 127.0.0.1 [default: PORT, else 8080]
    #[arg(long, value_name = "PORT", help_heading = "How")]
    pub(super) port: Option<u16>,
    /// Print the effective configuration as JSON and stop
    #[arg(long = "config", help_heading = "How")]
    pub(super) print_config: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    pub(super) embedding: EmbeddingArgs,
}

impl ServiceCli {
    /// Reads `arguments`, the program's name first.
    ///
    /// # Errors
    /// What clap prints: help, version, or what is wrong with the arguments.
    pub(super) fn read(
        function: Function,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let command = Self::command().name(function.name).version(function.version).about(function.about);
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    /// Where to listen.
    pub(super) fn address(&self, config: &Config) -> ([u8; 4], u16) {
        address(self.port, config)
    }
}

impl<O: Args> Cli<O> {
    /// Reads `arguments`, the program's name first.
    ///
    /// # Errors
    /// What clap prints: help, version, or what is wrong with the arguments.
    pub(super) fn read(
        function: Function,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<(Self, Vec<String>), clap::Error> {
        let command = Self::command().name(function.name).version(function.version).about(function.about);
        let matches = command.try_get_matches_from(arguments)?;
        Ok((Self::from_arg_matches(&matches)?, given::<O>(&matches)))
    }
}

impl RunArgs {
    /// Which way in the environment and the flags choose.
    pub(super) fn mode(&self, config: &Config) -> Mode {
        match self {
            _ if config.is_cloud_run_job => Mode::Job,
            _ if self.once => Mode::Local,
            _ if self.serve || config.port.is_some() => Mode::Http,
            _ => Mode::Local,
        }
    }

    /// Where to listen.
    pub(super) fn address(&self, config: &Config) -> ([u8; 4], u16) {
        address(self.port, config)
    }
}

/// Everywhere in a container, which `PORT` tells, and only to this machine elsewhere.
fn address(flag: Option<u16>, config: &Config) -> ([u8; 4], u16) {
    let interface = if config.port.is_some() { [0, 0, 0, 0] } else { [127, 0, 0, 1] };
    (interface, flag.or(config.port).unwrap_or(DEFAULT_PORT))
}

/// Refuses options of a run on the command line of a server, which would ignore them.
///
/// # Errors
/// `Configuration` that names them.
pub(super) fn refuse_given(given: &[String]) -> Result<()> {
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
