//! The part of an address after `?`, and the pieces of its path.

use percent_encoding::percent_decode_str;

use super::values::{self, Sentence, quoted};
use super::{DEFAULT_RESULTS, Key, MOST_RESULTS, Refusal, Similar, To};
use crate::search::Filter;

/// The parameters of a query for similar ads; [`Parameters::similar`] reads them.
pub(crate) const OF_SIMILAR: &[&str] = &[
    "source",
    "job_id",
    "top_k",
    "location",
    "classification",
    "work_type",
    "company",
    "filter_source",
    "salary_min_sgd_per_month",
    "posted_after",
    "min_similarity",
    "exact",
    "include_reposts",
];

/// Names and values, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `query`, in which only the names in `known` may stand.
    ///
    /// # Errors
    /// A refusal that names the parameter at fault.
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut parameters = Vec::new();
        for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name =
                decode(&name.replace('+', " ")).map_err(|sentence| Refusal::new(quoted(name), sentence))?;
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let sentence = format!("there is no such parameter; this path has {known}");
                return Err(Refusal::new(name.chars().take(100).collect::<String>(), sentence));
            }
            let value = decode(&value.replace('+', " ")).map_err(|sentence| Refusal::new(&name, sentence))?;
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter that stands there once at most.
    ///
    /// # Errors
    /// A refusal where it stands there twice.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::new(name, "it is given twice"));
        }
        Ok(first)
    }

    /// Reads the value of a parameter that stands there once at most.
    fn read_one<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Sentence>,
    ) -> Result<Option<T>, Refusal> {
        let value = self.one(name)?;
        value.map(|value| read(value).map_err(|sentence| Refusal::new(name, sentence))).transpose()
    }

    /// A parameter that has to be there, and not blank.
    ///
    /// # Errors
    /// A refusal where it is not.
    pub(crate) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.read_one(name, |value| values::word(value.to_owned()))?
            .ok_or_else(|| Refusal::new(name, "it is missing"))
    }

    /// A whole number within a range, `default` where it is not given.
    ///
    /// # Errors
    /// A refusal where it is something else.
    pub(crate) fn whole(&self, name: &str, default: u64, most: u64) -> Result<usize, Refusal> {
        let number = self.read_one(name, |value| {
            let is_plain = value.bytes().all(|digit| digit.is_ascii_digit());
            values::whole(value.parse().ok().filter(|_| is_plain), &quoted(value), 1, most)
        })?;
        Ok(number.unwrap_or(default) as usize)
    }

    fn number<T>(
        &self,
        name: &str,
        check: fn(Option<f64>, &str) -> Result<T, Sentence>,
    ) -> Result<Option<T>, Refusal> {
        self.read_one(name, |value| check(value.parse().ok(), &quoted(value)))
    }

    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        let flag = self.read_one(name, |value| match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{} is not true or false", quoted(value))),
        })?;
        Ok(flag.unwrap_or_default())
    }

    /// The values of a parameter that may stand there several times.
    fn many(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone());
        values.map(values::word).collect::<Result<_, _>>().map_err(|sentence| Refusal::new(name, sentence))
    }

    /// A query for the ads that are similar to one.
    ///
    /// # Errors
    /// A refusal that names the parameter at fault.
    pub(crate) fn similar(&self) -> Result<Similar, Refusal> {
        Ok(Similar {
            to: To::Job(Key { source: self.required("source")?, job_id: self.required("job_id")? }),
            top_k: self.whole("top_k", DEFAULT_RESULTS as u64, MOST_RESULTS)?,
            filter: Filter {
                source: self.many("filter_source")?,
                location: self.many("location")?,
                classification: self.many("classification")?,
                work_type: self.many("work_type")?,
                company: self.many("company")?,
                salary_min_sgd_per_month: self.number("salary_min_sgd_per_month", values::salary)?,
                posted_after: self.read_one("posted_after", values::moment)?,
            },
            min_similarity: self.number("min_similarity", values::similarity)?,
            exact: self.flag("exact")?,
            include_reposts: self.flag("include_reposts")?,
            hybrid: false,
        })
    }
}

/// Undoes percent-encoding.
///
/// # Errors
/// Where the bytes are no text.
pub(crate) fn decode(text: &str) -> Result<String, Sentence> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| "it is not UTF-8".to_owned())
}
