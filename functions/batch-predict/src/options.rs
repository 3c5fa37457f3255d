//! Options of a run: flags on the command line, and members of a JSON body with the same names.

use chrono::{DateTime, NaiveDate, NaiveTime};
use common::job::Timestamp;
use common::{Error, Result};
use serde::Deserialize;

/// Options of one run.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Predict every ad that has a vector, also those with a prediction by the champions
    #[arg(long)]
    pub(crate) all: bool,
    /// Predict only these ads: ids, or sources and ids as in MCF/123, separated by commas
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) job_ids: Vec<String>,
    /// Predict every ad that was seen at this time or later, for example 2026-01-31 or 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Predict at most this many ads in this run
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

/// The ads that a run predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ads {
    /// Those without a prediction by the champions.
    New,
    /// All.
    All,
    /// Those with these ids.
    Named(Vec<String>),
    /// Those that were seen at this time or later.
    SeenSince(Timestamp),
}

fn refuse<T>(sentence: String) -> Result<T> {
    Err(Error::invalid_input(sentence).for_caller())
}

impl Options {
    /// The ads that the options select.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid value, and for options that exclude each other.
    pub(crate) fn ads(&self) -> Result<Ads> {
        if self.limit == Some(0) {
            return refuse("invalid --limit 0: expected at least 1".to_owned());
        }
        let chosen =
            [("--all", self.all), ("--job-ids", !self.job_ids.is_empty()), ("--since", self.since.is_some())];
        let chosen: Vec<&str> =
            chosen.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
        match chosen[..] {
            [] => Ok(Ads::New),
            ["--all"] => Ok(Ads::All),
            ["--since"] => Ok(Ads::SeenSince(moment(self.since.as_deref().unwrap_or_default())?)),
            [_] => self.named(),
            _ => refuse(format!("{} select different ads: expected one of them", chosen.join(" and "))),
        }
    }

    fn named(&self) -> Result<Ads> {
        let ids: Vec<String> = self.job_ids.iter().map(|id| id.trim().to_owned()).collect();
        if ids.iter().any(String::is_empty) {
            return refuse("invalid --job-ids \"\": expected ids separated by commas".to_owned());
        }
        Ok(Ads::Named(ids))
    }
}

/// A day, from its beginning in UTC, or a moment with its offset.
fn moment(text: &str) -> Result<Timestamp> {
    let day = |text: &str| {
        let day: NaiveDate = text.parse().ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    let moment = |text: &str| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
    match day(text).or_else(|| moment(text)) {
        Some(moment) => Ok(moment),
        None => refuse(format!(
            "invalid --since {text:?}: expected a day such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_selection_is_read() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let since = |text: &str| Options { since: Some(text.into()), ..Options::default() };
        assert_eq!(Options::default().ads().unwrap(), Ads::New);
        assert_eq!(Options { all: true, ..Options::default() }.ads().unwrap(), Ads::All);
        let named = Options { job_ids: ids(&[" 1", "MCF/2"]), ..Options::default() };
        assert_eq!(named.ads().unwrap(), Ads::Named(ids(&["1", "MCF/2"])));
        assert_eq!(since("2026-01-31").ads().unwrap(), Ads::SeenSince(at("2026-01-31T00:00:00Z")));
        assert_eq!(
            since("2026-01-31T08:00:00+08:00").ads().unwrap(),
            Ads::SeenSince(at("2026-01-31T00:00:00Z"))
        );
    }

    #[test]
    fn invalid_selections_are_refused_with_what_is_expected() {
        let default = Options::default;
        let two = Options { all: true, since: Some("2026-01-31".into()), ..default() };
        for (options, expected) in [
            (two, "--all and --since select different ads: expected one of them"),
            (Options { limit: Some(0), ..default() }, "invalid --limit 0: expected at least 1"),
            (Options { job_ids: vec![" ".into()], ..default() }, "invalid --job-ids \"\": expected ids"),
            (
                Options { since: Some("last week".into()), ..default() },
                "invalid --since \"last week\": expected a day",
            ),
            (
                Options { since: Some("2026-02-30".into()), ..default() },
                "invalid --since \"2026-02-30\": expected a day",
            ),
        ] {
            let error = options.ads().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_json_body_has_the_same_names() {
        let body = r#"{"all": false, "job_ids": ["1"], "since": null, "limit": 3}"#;
        let options: Options = serde_json::from_str(body).unwrap();
        assert_eq!((options.job_ids.as_slice(), options.limit), (&["1".to_owned()][..], Some(3)));
        assert!(serde_json::from_str::<Options>(r#"{"job-ids": ["1"]}"#).is_err());
    }
}
