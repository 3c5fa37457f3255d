//! What a service is told besides: how much it takes on, who may call it from a browser, what it searches.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use super::{Environment, number, refuse};
use crate::error::{Error, Result};

/// What similar ads are looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// The index artifact.
    Index,
    /// The warehouse itself.
    Warehouse,
}

/// How a service serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Serving {
    /// `SEARCH`.
    pub search: Search,
    /// `MAX_CONCURRENT`: requests that are worked on at once; one more is turned away.
    pub max_concurrent: usize,
    /// `REQUEST_DEADLINE_MS`: the longest that one request is worked on.
    pub request_deadline_ms: u64,
    /// `CORS_ALLOW_ORIGIN`: whose pages may call from a browser: `*` or one origin. Nobody's where it is not set.
    pub cors_allow_origin: Option<String>,
    /// `INDEX_POLL_S`: how often to look for a newer index.
    pub index_poll_s: u64,
}

/// Flags of a service; each overrides the variable of the same name.
#[derive(Debug, Clone, Default, Args)]
pub struct ServingArgs {
    /// What is searched: index, warehouse [default: index]
    #[arg(long, value_name = "WHAT", help_heading = "How")]
    pub search: Option<String>,
    /// Requests worked on at once; one more gets 503 [default: 64]
    #[arg(long, value_name = "N", help_heading = "How")]
    pub max_concurrent: Option<String>,
    /// The longest that a request is worked on, in milliseconds [default: 10000]
    #[arg(long, value_name = "MS", help_heading = "How")]
    pub request_deadline_ms: Option<String>,
    /// Whose pages may call from a browser: * or an origin [default: nobody's]
    #[arg(long, value_name = "ORIGIN", help_heading = "How")]
    pub cors_allow_origin: Option<String>,
    /// How often to look for a newer index, in seconds [default: 10]
    #[arg(long, value_name = "S", help_heading = "How")]
    pub index_poll_s: Option<String>,
}

impl ServingArgs {
    /// The flags that are given, under the names of their variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let flags = [
            ("SEARCH", &self.search),
            ("MAX_CONCURRENT", &self.max_concurrent),
            ("REQUEST_DEADLINE_MS", &self.request_deadline_ms),
            ("CORS_ALLOW_ORIGIN", &self.cors_allow_origin),
            ("INDEX_POLL_S", &self.index_poll_s),
        ];
        flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    }
}

impl Serving {
    pub(super) fn from_environment(env: &Environment) -> Result<Self> {
        let text =
            |variable: &Option<String>, default: &str| variable.clone().unwrap_or_else(|| default.to_owned());
        Ok(Self {
            search: text(&env.search, "index").parse()?,
            max_concurrent: number("MAX_CONCURRENT", &text(&env.max_concurrent, "64"), 1, 10_000)?,
            request_deadline_ms: number(
                "REQUEST_DEADLINE_MS",
                &text(&env.request_deadline_ms, "10000"),
                1,
                3_600_000,
            )?,
            cors_allow_origin: env.cors_allow_origin.clone().map(origin).transpose()?,
            index_poll_s: number("INDEX_POLL_S", &text(&env.index_poll_s, "10"), 1, 86_400)?,
        })
    }
}

/// Reads `*` or an origin as browsers send it: scheme and host, a port where it is not the scheme's own, no path.
fn origin(value: String) -> Result<String> {
    let host = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let is_host = |host: &str| {
        let mut chars = host.chars();
        !host.is_empty() && chars.all(|c| c.is_ascii_graphic() && !"/,*\"?#".contains(c))
    };
    if value == "*" || host.is_some_and(is_host) {
        Ok(value)
    } else {
        refuse("CORS_ALLOW_ORIGIN", &value, "* or an origin, such as https://jobs.example.sg")
    }
}

choices!(Search, "SEARCH", "index" => Index, "warehouse" => Warehouse);
