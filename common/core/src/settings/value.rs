//! Parses the text of a variable into its type.

use std::fmt;
use std::path::PathBuf;

use super::{Variable, Variables, invalid};
use crate::error::{Error, Result};

/// A type that is parsed from the text of a variable.
pub trait Value: Sized {
    /// Parses the text.
    ///
    /// # Errors
    /// A description of the valid values, which follows the word "expected" in the message.
    fn read(text: &str) -> Result<Self, String>;
}

/// The type of a field of a settings struct: a [`Value`], or an `Option` of one.
pub trait Field: Sized {
    /// Reads the variable.
    ///
    /// # Errors
    /// `Configuration` that names the variable, its value and what is expected.
    fn read(variables: &Variables, variable: &Variable) -> Result<Self>;
}

impl<V: Value> Field for V {
    fn read(variables: &Variables, variable: &Variable) -> Result<Self> {
        let value = <Option<V> as Field>::read(variables, variable)?;
        value.ok_or_else(|| Error::configuration(format!("missing {}: {}", variable.name(), variable.about)))
    }
}

impl<V: Value> Field for Option<V> {
    fn read(variables: &Variables, variable: &Variable) -> Result<Self> {
        let read =
            |text: String| V::read(&text).map_err(|expected| invalid(&variable.name(), &text, &expected));
        variables.text(variable).0.map(read).transpose()
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a `usize`.
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

impl<const MIN: u64, const MAX: u64> Value for Whole<MIN, MAX> {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(format!("a whole number from {MIN} to {MAX}")),
        }
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Whole<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
