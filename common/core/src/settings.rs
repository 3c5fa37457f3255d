//! Settings: each crate declares the environment variables that it reads; a program composes the declarations it needs.
//!
//! [`settings!`](macro@crate::settings) declares a struct whose fields are variables: `pub index_poll_s: Whole<1, 86_400> =
//! "10"` is `INDEX_POLL_S`, and its documentation is the help text of its flag.
//! [`compose_settings!`](crate::compose_settings) composes such structs. A flag overrides its variable. The flags of a
//! program are generated from the declarations, so that it has no flag that it does not read.

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

/// Variables that every program reads: the locations of the cache and of the Google credentials.
const ALWAYS_READ: [&str; 3] = ["XDG_CACHE_HOME", "HOME", "GOOGLE_APPLICATION_CREDENTIALS"];

/// Who sets a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Giver {
    /// The person or script that runs or deploys the program.
    Operator,
    /// Cloud Run, in every container.
    CloudRun,
    /// `scripts/setup` on a laptop, the container image in the cloud. The default is the location that setup uses.
    Setup,
}

/// The source of an effective value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A flag on the command line.
    Flag,
    /// The environment.
    Environment,
    /// The default in the declaration.
    Default,
    /// The variable is not set and has no default.
    Unset,
}

/// The declaration of an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The field of the struct: the name of the variable in lower case.
    pub field: &'static str,
    /// The description for `--help`.
    pub about: &'static str,
    /// The default value as text. `{cache}` stands for the cache folder, `{cores}` for the number of CPU cores.
    pub default: Option<&'static str>,
    /// The flag that overrides the variable and the name of its value, such as `log-format FORMAT`.
    pub flag: Option<&'static str>,
    /// The heading of the flag in `--help`.
    pub heading: &'static str,
    /// Who sets the variable.
    pub given_by: Giver,
}

impl Variable {
    /// The name of the environment variable, such as `LOG_FORMAT`.
    pub fn name(&self) -> String {
        self.field.to_uppercase()
    }
}

/// A struct of settings, declared with [`settings!`](macro@crate::settings) or composed with
/// [`compose_settings!`](crate::compose_settings).
pub trait Settings: Sized + Send + Sync + 'static {
    /// The declared variables, in the order of declaration. Two structs may declare the same variable.
    fn variables() -> Vec<Variable>;

    /// Reads the values.
    ///
    /// # Errors
    /// `Configuration` that names the variable, its value and what is expected.
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

/// The variables of a process: its environment, and the flags that override it.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// Values by field name.
    environment: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
}

impl Variables {
    /// Reads the environment of the process. Ignores variables that are neither in `declared` nor read by every
    /// program.
    ///
    /// # Errors
    /// `Configuration` if one of them is not valid UTF-8.
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

    /// Creates an environment from `variables`.
    ///
    /// # Errors
    /// `Configuration` if the variables cannot be read into a map of texts. Values are checked by [`Settings::read`].
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        // Shells and Terraform files use an empty value for a variable that is not set.
        let set = variables.into_iter().filter(|(_, value)| !value.trim().is_empty());
        let environment = envy::from_iter(set).map_err(|error| Error::configuration(error.to_string()))?;
        Ok(Self { environment, flags: BTreeMap::new() })
    }

    /// Overrides the variable of `field` with the value of a flag. An empty value overrides nothing.
    #[must_use]
    pub fn with_flag(mut self, field: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.trim().is_empty() {
            self.flags.insert(field.to_owned(), value);
        }
        self
    }

    /// The value of `variable` as text, and its source.
    pub fn text(&self, variable: &Variable) -> (Option<String>, Source) {
        if let Some(text) = self.flags.get(variable.field) {
            (Some(text.clone()), Source::Flag)
        } else if let Some(text) = self.environment.get(variable.field) {
            (Some(text.clone()), Source::Environment)
        } else if let Some(default) = variable.default {
            (Some(self.expand(default)), Source::Default)
        } else {
            (None, Source::Unset)
        }
    }

    /// The output of `--config`: the value of each variable in `declared`, with its source and who sets it.
    pub fn describe(&self, declared: &[Variable]) -> Json {
        let described = declared.iter().map(|variable| {
            let (value, source) = self.text(variable);
            (variable.name(), json!({ "value": value, "source": source, "given_by": variable.given_by }))
        });
        Json::Object(described.collect())
    }

    fn expand(&self, default: &str) -> String {
        if default.contains("{cache}") {
            default.replace("{cache}", &self.cache_dir().to_string_lossy())
        } else if default == "{cores}" {
            std::thread::available_parallelism().map_or(1, usize::from).to_string()
        } else {
            default.to_owned()
        }
    }

    /// The directory of downloads and build artifacts, shared by all clones of the repository.
    fn cache_dir(&self) -> PathBuf {
        let folder = |field: &str| self.environment.get(field).map(PathBuf::from);
        let base = folder("xdg_cache_home").or_else(|| folder("home").map(|home| home.join(".cache")));
        base.unwrap_or_else(std::env::temp_dir).join("job-market")
    }
}

/// Reads the settings `S` from `variables`.
///
/// # Errors
/// The errors of [`Settings::read`].
pub fn from_variables<S: Settings>(variables: impl IntoIterator<Item = (String, String)>) -> Result<S> {
    S::read(&Variables::new(variables)?)
}

/// Reads the settings `S` from the environment of the process.
///
/// # Errors
/// The errors of [`Settings::read`].
pub fn from_environment<S: Settings>() -> Result<S> {
    S::read(&Variables::of_process(&S::variables())?)
}

/// The error for an invalid value of a variable.
pub fn invalid(variable: &str, value: &str, expected: &str) -> Error {
    Error::configuration(format!("invalid {variable} {value:?}: expected {expected}"))
}
