//! From the text of a variable to its type.

use std::fmt;
use std::path::PathBuf;

use super::{Variable, Variables, invalid};
use crate::error::{Error, Result};

/// A type that the text of one variable is read as.
pub trait Value: Sized {
    /// Reads the text.
    ///
    /// # Errors
    /// What is expected instead, to stand after "expected".
    fn read(text: &str) -> Result<Self, String>;
}

/// The type of a struct's field: a [`Value`], or an `Option` of one.
pub trait Field: Sized {
    /// Reads the variable.
    ///
    /// # Errors
    /// `Configuration`: one sentence with variable, value and what is expected.
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

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number, as a count of things in memory.
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

impl<const LEAST: u64, const MOST: u64> Value for Whole<LEAST, MOST> {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(number) if (LEAST..=MOST).contains(&number) => Ok(Self(number)),
            _ => Err(format!("a whole number from {LEAST} to {MOST}")),
        }
    }
}

impl<const LEAST: u64, const MOST: u64> fmt::Display for Whole<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
