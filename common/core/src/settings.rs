//! Settings: each crate declares the environment variables that it reads, a program composes those that it needs.
//!
//! [`settings!`](crate::settings) declares a struct whose fields are variables: `pub index_poll_s: Whole<1, 86_400> = "10"` is
//! `INDEX_POLL_S`, and its documentation is the flag's help text. [`rooms!`](crate::rooms) composes such structs. A flag
//! overrides its variable; the flags of a program are made from the declarations, so that none is offered that is not read.

mod macros;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::error::{Error, Result};

pub use value::{Field, Value, Whole};

/// Variables that are read besides the declared ones: they place the cache and Google's credentials.
const ALWAYS_READ: [&str; 3] = ["XDG_CACHE_HOME", "HOME", "GOOGLE_APPLICATION_CREDENTIALS"];

/// Who sets a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Giver {
    /// Whoever runs or deploys the program.
    Operator,
    /// Cloud Run, in every container.
    CloudRun,
    /// `scripts/setup` on a laptop, the image in the cloud; the default finds what setup made.
    Setup,
}

/// Where an effective value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A flag on the command line.
    Flag,
    /// The environment.
    Environment,
    /// The declaration.
    Default,
    /// The variable is not set and has no default.
    Unset,
}

/// One environment variable, as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The struct's field: the variable's name in lower case.
    pub field: &'static str,
    /// What it means, for `--help`.
    pub about: &'static str,
    /// The text of its default. `{cache}` stands for the cache folder, `{cores}` for the number of CPU cores.
    pub default: Option<&'static str>,
    /// The flag that overrides it and the name of its value, such as `log-format FORMAT`.
    pub flag: Option<&'static str>,
    /// Heading of the flag in `--help`.
    pub heading: &'static str,
    /// Who sets it.
    pub given_by: Giver,
}

impl Variable {
    /// The name in the environment, such as `LOG_FORMAT`.
    pub fn name(&self) -> String {
        self.field.to_uppercase()
    }
}

/// A struct of settings, declared with [`settings!`](crate::settings) or composed with [`rooms!`](crate::rooms).
pub trait Settings: Sized + Send + Sync + 'static {
    /// The variables that are read, in the order of declaration. Two structs may declare the same variable.
    fn variables() -> Vec<Variable>;

    /// Reads the values.
    ///
    /// # Errors
    /// `Configuration`: one sentence with variable, value and what is expected.
    fn read(variables: &Variables) -> Result<Self>;
}

/// No settings.
impl Settings for () {
    fn variables() -> Vec<Variable> {
        Vec::new()
    }

    fn read(_: &Variables) -> Result<Self> {
        Ok(())
    }
}

/// The values of a process: its environment, and the flags that override it.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// By field.
    environment: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
}

impl Variables {
    /// The process's environment. Only variables in `declared` and those that place the cache are kept.
    ///
    /// # Errors
    /// `Configuration` where one of them is not UTF-8: it would count as not set.
    pub fn of_process(declared: &[Variable]) -> Result<Self> {
        Self::from_os(std::env::vars_os(), declared)
    }

    fn from_os(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        declared: &[Variable],
    ) -> Result<Self> {
        let is_read = |name: &str| {
            ALWAYS_READ.contains(&name) || declared.iter().any(|variable| variable.name() == name)
        };
        let mut texts = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.into_string().ok().filter(|name| is_read(name)) else { continue };
            match value.into_string() {
                Ok(value) => texts.push((name, value)),
                Err(value) => return Err(invalid(&name, &value.to_string_lossy(), "text in UTF-8")),
            }
        }
        Self::new(texts)
    }

    /// These variables, as an environment.
    ///
    /// # Errors
    /// `Configuration` where they cannot be read.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        // An empty variable is how a shell or a Terraform file says "not set".
        let set = variables.into_iter().filter(|(_, value)| !value.trim().is_empty());
        let environment = envy::from_iter(set).map_err(|error| Error::configuration(error.to_string()))?;
        Ok(Self { environment, flags: BTreeMap::new() })
    }

    /// Lets a flag's value override the variable of `field`.
    #[must_use]
    pub fn with_flag(mut self, field: &str, value: impl Into<String>) -> Self {
        self.flags.insert(field.to_owned(), value.into());
        self
    }

    /// The text that `variable` has, and where it comes from.
    pub fn text(&self, variable: &Variable) -> (Option<String>, Source) {
        if let Some(text) = self.flags.get(variable.field) {
            (Some(text.clone()), Source::Flag)
        } else if let Some(text) = self.environment.get(variable.field) {
            (Some(text.clone()), Source::Environment)
        } else if let Some(default) = variable.default {
            (Some(self.filled(default)), Source::Default)
        } else {
            (None, Source::Unset)
        }
    }

    /// The values of `declared` by name, each with its source and who sets it: what `--config` prints.
    pub fn describe(&self, declared: &[Variable]) -> Json {
        let described = declared.iter().map(|variable| {
            let (value, source) = self.text(variable);
            (variable.name(), json!({ "value": value, "source": source, "given_by": variable.given_by }))
        });
        Json::Object(described.collect())
    }

    fn filled(&self, default: &str) -> String {
        if default.contains("{cache}") {
            default.replace("{cache}", &self.cache_dir().to_string_lossy())
        } else if default == "{cores}" {
            std::thread::available_parallelism().map_or(1, usize::from).to_string()
        } else {
            default.to_owned()
        }
    }

    /// Where downloads and build products are kept between runs and clones.
    fn cache_dir(&self) -> PathBuf {
        let folder = |field: &str| self.environment.get(field).map(PathBuf::from);
        let base = folder("xdg_cache_home").or_else(|| folder("home").map(|home| home.join(".cache")));
        base.unwrap_or_else(std::env::temp_dir).join("job-market")
    }
}

/// The settings `S` in these variables, as an environment.
///
/// # Errors
/// Those of [`Settings::read`].
pub fn from_variables<S: Settings>(variables: impl IntoIterator<Item = (String, String)>) -> Result<S> {
    S::read(&Variables::new(variables)?)
}

/// The settings `S` in the process's environment.
///
/// # Errors
/// Those of [`Settings::read`].
pub fn from_environment<S: Settings>() -> Result<S> {
    S::read(&Variables::of_process(&S::variables())?)
}

/// The error of a value that a setting does not take.
pub fn invalid(variable: &str, value: &str, expected: &str) -> Error {
    Error::configuration(format!("invalid {variable} {value:?}: expected {expected}"))
}
