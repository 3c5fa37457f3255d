//! Command-line flags generated from the declarations of settings. A flag overrides its variable.

use std::collections::BTreeSet;

use clap::{Arg, ArgMatches, Command};
use common_core::settings::{Variable, Variables};
use common_core::{Error, Result};

/// `variables` without duplicates; the first declaration of a variable is kept.
pub fn dedup(variables: Vec<Variable>) -> Vec<Variable> {
    let mut seen = BTreeSet::new();
    variables.into_iter().filter(|variable| seen.insert(variable.field)).collect()
}

/// Adds the flags of `variables` to `command` and to its subcommands.
#[must_use]
pub fn add(command: Command, variables: &[Variable]) -> Command {
    let flags = variables.iter().filter_map(|variable| Some((variable, variable.flag?.split_once(' ')?)));
    flags.fold(command, |command, (variable, (long, value_name))| {
        let default = match variable.default {
            Some("{cores}") => " [default: one per core]".to_owned(),
            Some(default) => format!(" [default: {default}]"),
            None => String::new(),
        };
        let flag = Arg::new(variable.field).long(long).value_name(value_name).global(true);
        command.arg(flag.help(format!("{}{default}", variable.about.trim())).help_heading(variable.heading))
    })
}

/// The environment of the process, overridden by the flags in `matches`.
///
/// # Errors
/// `Configuration` if a variable is not valid UTF-8.
pub fn variables(matches: &ArgMatches, declared: &[Variable]) -> Result<Variables> {
    let environment = Variables::of_process(declared)?;
    let flags = declared.iter().filter(|variable| variable.flag.is_some());
    flags.into_iter().try_fold(environment, |variables, variable| {
        let value = matches.try_get_one::<String>(variable.field);
        let value = value.map_err(|error| Error::internal("a flag is not declared").caused_by(error))?;
        Ok(match value {
            Some(value) => variables.with_flag(variable.field, value),
            None => variables,
        })
    })
}
