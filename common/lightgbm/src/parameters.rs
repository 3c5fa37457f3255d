//! Parameters by name, checked against LightGBM's own list.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fmt::Display;
use std::sync::OnceLock;

use common_core::{Error, Result};

use crate::native;

/// Parameters by name or alias, as LightGBM documents them.
///
/// A name that LightGBM does not know is an error where the parameters are used; LightGBM itself would only warn.
/// Unless they are set, `deterministic` and `force_col_wise` are on, so that the number of threads
/// (`num_threads`; all cores by default) does not change the result, and `verbosity` is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    values: BTreeMap<String, String>,
}

impl Parameters {
    /// No parameters: LightGBM's defaults, with the exceptions above.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a parameter; a second value replaces the first. A list is written with commas.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Display) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    /// Names and values, as they were set.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The parameters under LightGBM's names.
    ///
    /// # Errors
    /// A name is unknown or given twice (by an alias), belongs elsewhere, or a value cannot be written.
    pub(crate) fn resolve(&self) -> Result<Resolved> {
        let names = names()?;
        let mut resolved = Resolved::default();
        for (name, value) in &self.values {
            let known = names.get(name).ok_or_else(|| {
                Error::invalid_input(format!(
                    "invalid LightGBM parameter \"{name}\": expected a name that LightGBM documents"
                ))
            })?;
            if let Some((_, remedy)) = ELSEWHERE.iter().find(|(elsewhere, _)| elsewhere == known) {
                return Err(Error::invalid_input(format!("invalid LightGBM parameter \"{name}\": {remedy}")));
            }
            if value.is_empty() || value.contains(|c: char| c.is_whitespace() || "=\"'\0".contains(c)) {
                return Err(Error::invalid_input(format!(
                    "invalid value \"{value}\" of LightGBM parameter \"{name}\": expected a number, a word, or a \
                     list with commas and without spaces"
                )));
            }
            if known == "num_threads" {
                resolved.threads = threads(value)?;
            } else if resolved.values.insert(known.clone(), value.clone()).is_some() {
                return Err(Error::invalid_input(format!(
                    "invalid LightGBM parameter \"{name}\": expected one value of {known}, which it is an alias of"
                )));
            }
        }
        let values = &mut resolved.values;
        values.entry("verbosity".to_owned()).or_insert_with(|| "0".to_owned());
        values.entry("deterministic".to_owned()).or_insert_with(|| "true".to_owned());
        if !values.contains_key("force_row_wise") {
            values.entry("force_col_wise".to_owned()).or_insert_with(|| "true".to_owned());
        }
        Ok(resolved)
    }
}

/// Parameters under LightGBM's own names, and the number of threads, which LightGBM never sees (see `native::Entered`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) threads: Option<u32>,
}

impl Resolved {
    /// `name=value …`, in the order of the names.
    pub(crate) fn line(&self) -> Result<CString> {
        let pairs: Vec<_> = self.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        CString::new(pairs.join(" ")).map_err(|error| {
            Error::invalid_input("invalid LightGBM parameters: expected no NUL").caused_by(error)
        })
    }
}

/// Parameters that this crate sets itself, that would read or write files, or that this crate has no place for.
const ELSEWHERE: [(&str, &str); 18] = [
    ("categorical_feature", "expected in DatasetOptions::categorical"),
    ("config", "expected the parameters themselves"),
    ("data", "expected a Dataset"),
    ("device_type", "expected none, the library is built for CPUs"),
    ("early_stopping_round", "expected in Training::early_stopping"),
    ("forcedbins_filename", "expected none, no file is read"),
    ("forcedsplits_filename", "expected none, no file is read"),
    ("input_model", "expected Booster::from_text"),
    ("linear_tree", "expected none, trees have constant leaves"),
    ("machine_list_filename", "expected none, training is local"),
    ("machines", "expected none, training is local"),
    ("num_iterations", "expected in Training::rounds"),
    ("num_machines", "expected none, training is local"),
    ("output_model", "expected Booster::to_text"),
    ("predict_disable_shape_check", "expected none, the number of columns is always checked"),
    ("save_binary", "expected none, no file is written"),
    ("task", "expected none"),
    ("valid", "expected in Training::validation"),
];

fn threads(value: &str) -> Result<Option<u32>> {
    let number: i64 = value.parse().map_err(|_| {
        Error::invalid_input(format!("invalid LightGBM parameter num_threads \"{value}\": expected a number"))
    })?;
    // LightGBM's default, 0, is OpenMP's: all cores.
    Ok(u32::try_from(number).ok().filter(|threads| *threads > 0))
}

/// LightGBM's name of each name and alias.
fn names() -> Result<&'static BTreeMap<String, String>> {
    static NAMES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    if let Some(names) = NAMES.get() {
        return Ok(names);
    }
    let aliases: BTreeMap<String, Vec<String>> = serde_json::from_str(&native::parameter_aliases()?)
        .map_err(|error| Error::internal("LightGBM: the list of parameters is not JSON").caused_by(error))?;
    let mut names = BTreeMap::new();
    for (name, aliases) in aliases {
        names.extend(aliases.into_iter().map(|alias| (alias, name.clone())));
        names.insert(name.clone(), name);
    }
    Ok(NAMES.get_or_init(|| names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(name: &str, value: &str) -> Result<Resolved> {
        Parameters::new().set(name, value).resolve()
    }

    #[test]
    fn an_alias_has_the_name_that_lightgbm_uses() {
        assert_eq!(resolved("eta", "0.1").unwrap().values["learning_rate"], "0.1");
        let both = Parameters::new().set("eta", 0.1).set("learning_rate", 0.2);
        assert!(both.resolve().unwrap_err().to_string().contains("alias"));
    }

    #[test]
    fn what_lightgbm_would_ignore_or_misread_is_refused() {
        for (name, value) in [
            ("num_leafs", "31"),
            ("num_leaves", ""),
            ("num_leaves", "31 max_bin=3"),
            ("num_leaves", "31\0"),
            ("metric", "l1=l2"),
            ("n_estimators", "10"),
            ("cat_feature", "1"),
            ("nthread", "many"),
        ] {
            let error = resolved(name, value).unwrap_err();
            assert!(error.to_string().starts_with("invalid "), "{error}");
        }
    }

    #[test]
    fn names_that_are_refused_are_names_of_lightgbm() {
        for (name, _) in ELSEWHERE {
            assert_eq!(names().unwrap().get(name).map(String::as_str), Some(name));
        }
    }

    #[test]
    fn threads_are_no_parameter_of_lightgbm() {
        let two = resolved("nthread", "2").unwrap();
        assert_eq!(two.threads, Some(2));
        assert_eq!(
            two.line().unwrap().to_str().unwrap(),
            "deterministic=true force_col_wise=true verbosity=0"
        );
        assert_eq!(resolved("num_threads", "0").unwrap().threads, None);
    }
}
