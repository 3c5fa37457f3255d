//! Options of a run: flags on the command line, and members of a JSON body with the same names.

use std::path::PathBuf;

use clap::ValueEnum;
use common::learning::manifest::{CLUSTERING, ROLE_CLASSIFIER, SALARY_PREDICTOR};
use common::pay::Currency;
use common::{Error, Result};
use serde::Deserialize;

use crate::models::Version;

/// Maximum of `--trials`.
const MOST_TRIALS: u32 = 10_000;

/// Options of one run.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // They are flags.
pub(crate) struct Options {
    /// Train only this kind of models; may be repeated [default: all kinds]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) only: Vec<ModelFamily>,
    /// Train only the salary model of this currency [default: each currency with enough salaries]
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,
    /// Trials of the search for parameters; 0 searches for none [default: 30]
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<u32>,
    /// Train fast: no search unless --trials is given, fewer folds, models and trees
    #[arg(long)]
    pub(crate) quick: bool,
    /// Seed of everything random: the same seed and data give the same model [default: 42]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Use at most this many ads, the newest
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Also measure what each group of features is worth
    #[arg(long)]
    pub(crate) ablation: bool,
    /// Also write the features of every ad to the table `ml_features`
    #[arg(long)]
    pub(crate) materialise: bool,
    /// Publish without making the new version the champion
    #[arg(long)]
    pub(crate) no_promote: bool,
    /// Number of versions of each model to keep besides the champion [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// Also write the ads, the folds and their predictions to this folder, those of roles to its folder `roles`; salaries
    /// need --currency
    // Not a member of a JSON body: a request must not choose where a server writes.
    #[arg(long, value_name = "FOLDER")]
    #[serde(skip)]
    pub(crate) export_folds: Option<PathBuf>,
    /// Train nothing; list the published models
    #[arg(long)]
    pub(crate) list: bool,
    /// Train nothing; show the manifest of a published model, for example `salary_predictor/v3`
    #[arg(long, value_name = "KIND/vN")]
    pub(crate) show: Option<String>,
    /// Train nothing; compare two versions of a model
    #[arg(long, num_args = 2, value_names = ["KIND/vA", "KIND/vB"])]
    pub(crate) diff: Vec<String>,
    /// Train nothing; make this version the champion. May be repeated: several models change at once
    #[arg(long, value_name = "KIND/vN")]
    pub(crate) promote: Vec<String>,
    /// Train nothing; return to the version that was the champion before
    #[arg(long, value_name = "KIND")]
    pub(crate) rollback: Option<String>,
}

/// A kind of models, in the order of their training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModelFamily {
    /// Salaries, a model for each currency
    Salary,
    /// Classifications, of ads of all currencies
    Role,
    /// Clusters, of ads of all currencies
    Cluster,
}

impl ModelFamily {
    /// Name of the first model of this kind.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Salary => SALARY_PREDICTOR.name,
            Self::Role => ROLE_CLASSIFIER.name,
            Self::Cluster => CLUSTERING.name,
        }
    }
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Trains models.
    Train,
    /// Lists the published models.
    List,
    /// Shows the manifest of a version.
    Show(Version),
    /// Compares two versions of a model.
    Diff([Version; 2]),
    /// Makes versions the champions of their models.
    Promote(Vec<Version>),
    /// Returns to the earlier champion of a model.
    RollBack(String),
}

fn refuse<T>(sentence: String) -> Result<T> {
    Err(Error::invalid_input(sentence).for_caller())
}

impl Options {
    /// Number of trials.
    pub(crate) fn trials(&self) -> u32 {
        self.trials.unwrap_or(30)
    }

    /// Seed of everything random.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(42)
    }

    /// Number of versions to keep.
    pub(crate) fn keep(&self) -> usize {
        self.keep.unwrap_or(5)
    }

    /// Whether models of this kind are trained.
    pub(crate) fn trains(&self, family: ModelFamily) -> bool {
        self.only.is_empty() || self.only.contains(&family)
    }

    /// Code of the only currency to train, if one was chosen.
    ///
    /// # Errors
    /// `InvalidInput` for a text that is not a currency.
    pub(crate) fn currency(&self) -> Result<Option<&'static str>> {
        let Some(text) = &self.currency else { return Ok(None) };
        match Currency::read(Some(text)) {
            Currency::Known(code) => Ok(Some(code)),
            Currency::Unsaid | Currency::Unknown(_) => refuse(format!(
                "invalid --currency {text:?}: expected the code of a currency, such as SGD or GBP"
            )),
        }
    }

    /// Checks the options' ranges and combinations, and returns the command that they select.
    ///
    /// # Errors
    /// `InvalidInput`, with the options' names and the expected values.
    pub(crate) fn command(&self) -> Result<Command> {
        let commands = [
            ("--list", self.list),
            ("--show", self.show.is_some()),
            ("--diff", !self.diff.is_empty()),
            ("--promote", !self.promote.is_empty()),
            ("--rollback", self.rollback.is_some()),
        ];
        let given: Vec<&str> = given(&commands);
        if let [command, _, ..] = given[..] {
            return refuse(format!(
                "{} exclude each other: leave out all but one, for example {command}",
                listed(&given)
            ));
        }
        let Some(command) = given.first() else {
            self.check_training()?;
            return Ok(Command::Train);
        };
        let of_training = self.of_training();
        if !of_training.is_empty() {
            return refuse(format!("{command} trains nothing: leave out {}", listed(&of_training)));
        }
        if let Some(version) = &self.show {
            return Ok(Command::Show(Version::parse("--show", version)?));
        }
        if let Some(model) = &self.rollback {
            return Ok(Command::RollBack(Version::parse_model("--rollback", model)?));
        }
        if !self.diff.is_empty() {
            return self.diff();
        }
        if !self.promote.is_empty() {
            return self.promote();
        }
        Ok(Command::List)
    }

    fn diff(&self) -> Result<Command> {
        let [first, second] = &self.diff[..] else {
            return refuse(format!("invalid --diff: expected two versions, found {}", self.diff.len()));
        };
        let versions = [Version::parse("--diff", first)?, Version::parse("--diff", second)?];
        if versions[0].model != versions[1].model {
            return refuse(format!(
                "invalid --diff {first:?} {second:?}: expected two versions of the same model"
            ));
        }
        Ok(Command::Diff(versions))
    }

    fn promote(&self) -> Result<Command> {
        let mut versions: Vec<Version> = Vec::new();
        for text in &self.promote {
            let version = Version::parse("--promote", text)?;
            if let Some(other) = versions.iter().find(|other| other.model == version.model) {
                return refuse(format!("invalid --promote {text:?}: {other} is to be promoted already"));
            }
            versions.push(version);
        }
        Ok(Command::Promote(versions))
    }

    /// The options given that only a training reads.
    fn of_training(&self) -> Vec<&'static str> {
        given(&[
            ("--only", !self.only.is_empty()),
            ("--currency", self.currency.is_some()),
            ("--trials", self.trials.is_some()),
            ("--quick", self.quick),
            ("--seed", self.seed.is_some()),
            ("--limit", self.limit.is_some()),
            ("--ablation", self.ablation),
            ("--materialise", self.materialise),
            ("--no-promote", self.no_promote),
            ("--keep", self.keep.is_some()),
            ("--export-folds", self.export_folds.is_some()),
        ])
    }

    fn check_training(&self) -> Result<()> {
        self.currency()?;
        if self.trials() > MOST_TRIALS {
            return refuse(format!("invalid --trials {}: expected 0 to {MOST_TRIALS}", self.trials()));
        }
        if self.limit == Some(0) {
            return refuse("invalid --limit 0: expected 1 or more".to_owned());
        }
        if self.export_folds.is_some() && self.trains(ModelFamily::Salary) && self.currency.is_none() {
            return refuse("--export-folds writes the salaries of one currency: add --currency".to_owned());
        }
        Ok(())
    }
}

fn given(options: &[(&'static str, bool)]) -> Vec<&'static str> {
    options.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect()
}

/// `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
