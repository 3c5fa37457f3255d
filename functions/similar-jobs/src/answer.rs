//! Members of responses.

use chrono::SecondsFormat;
use common::index::{Ad, Cluster, Manifest};
use common::pay::{self, Currency};
use serde::Serialize;

use crate::why::Why;

/// An ad. Unknown members are null.
#[derive(Debug, Serialize)]
pub(crate) struct JobDetails<'a> {
    source: &'a str,
    job_id: &'a str,
    job_title: Option<&'a str>,
    company_name: Option<&'a str>,
    job_location: Option<&'a str>,
    job_classification: Option<&'a str>,
    job_work_type: Option<&'a str>,
    salary_min_per_month: Option<f64>,
    salary_max_per_month: Option<f64>,
    /// Currency of both amounts: a code, or the ad's own text if it is not a code; null if the ad has none, which
    /// means SGD.
    currency: Option<&'a str>,
    job_url: Option<&'a str>,
    posted: Option<String>,
    /// Null if the index has no clusters.
    cluster: Option<ClusterName<'a>>,
    /// Position on the map.
    x: f32,
    y: f32,
}

/// A cluster, without its summary.
#[derive(Debug, Serialize)]
pub(crate) struct ClusterName<'a> {
    id: u16,
    name: &'a str,
}

/// A result of a search.
#[derive(Debug, Serialize)]
pub(crate) struct SearchResult<'a> {
    pub(crate) rank: usize,
    pub(crate) score: f32,
    #[serde(flatten)]
    pub(crate) job: JobDetails<'a>,
    pub(crate) reposts: u32,
    pub(crate) why: Vec<Why>,
}

/// The members before the results.
#[derive(Debug, Serialize)]
pub(crate) struct AnswerHead<'a> {
    pub(crate) index_version: &'a str,
    pub(crate) model_version: String,
    pub(crate) took_ms: f64,
}

impl<'a> From<Ad<'a>> for JobDetails<'a> {
    fn from(ad: Ad<'a>) -> Self {
        Self {
            source: ad.source,
            job_id: ad.job_id,
            job_title: ad.job_title,
            company_name: ad.company_name,
            job_location: ad.job_location,
            job_classification: ad.job_classification,
            job_work_type: ad.job_work_type,
            salary_min_per_month: pay::amount(ad.salary_min_monthly),
            salary_max_per_month: pay::amount(ad.salary_max_monthly),
            currency: match Currency::read(ad.currency) {
                Currency::Unsaid => None,
                said => Some(said.name()),
            },
            job_url: ad.job_url.filter(|url| is_web(url)),
            posted: ad.posted.map(|posted| posted.to_rfc3339_opts(SecondsFormat::Secs, true)),
            cluster: ad.cluster.map(ClusterName::from),
            x: ad.point[0],
            y: ad.point[1],
        }
    }
}

impl<'a> From<&'a Cluster> for ClusterName<'a> {
    fn from(cluster: &'a Cluster) -> Self {
        Self { id: cluster.id, name: &cluster.name }
    }
}

/// Whether `url` is a web address. The page makes a link of an ad's URL, and ads may contain any text.
fn is_web(url: &str) -> bool {
    let starts_with =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts_with("https://") || starts_with("http://")
}

/// Rounded to hundredths of a millisecond, the precision of the measurement.
pub(crate) fn milliseconds(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 100_000.0).round() / 100.0
}

impl<'a> AnswerHead<'a> {
    pub(crate) fn new(manifest: &'a Manifest, took: std::time::Duration) -> Self {
        let (model_version, took_ms) = (model_versions(manifest), milliseconds(took));
        Self { index_version: &manifest.version, model_version, took_ms }
    }

    /// The JSON object of these members and one more, whose value is already JSON.
    pub(crate) fn with(&self, member: &str, json: &[u8]) -> Vec<u8> {
        let mut bytes = to_json(self);
        bytes.pop();
        bytes.extend_from_slice(format!(",\"{member}\":").as_bytes());
        bytes.extend_from_slice(json);
        bytes.push(b'}');
        bytes
    }
}

/// Every model version of the vectors, most used first; that of the build for an index without vectors.
pub(crate) fn model_versions(index: &Manifest) -> String {
    let mut counts: Vec<(&String, &u64)> = index.body.model_versions.iter().collect();
    if counts.is_empty() {
        return index.body.model_version.clone();
    }
    counts.sort_by(|a, b| b.1.cmp(a.1));
    counts.into_iter().map(|(version, _)| version.as_str()).collect::<Vec<_>>().join(", ")
}

/// The JSON form of a response.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!("cannot serialize a response to JSON: {error}");
        b"null".to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::market;

    #[test]
    fn every_version_of_the_vectors_is_named() {
        let mut manifest = market("v1").manifest().clone();
        let mut named = |counts: &[(&str, u64)]| {
            let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count));
            manifest.body.model_versions = counts.collect();
            model_versions(&manifest)
        };
        assert_eq!(named(&[]), "words/1/test");
        assert_eq!(named(&[("int8", 3)]), "int8");
        assert_eq!(named(&[("a", 1), ("b", 2), ("c", 1)]), "b, a, c");
    }

    #[test]
    fn only_web_addresses_become_links() {
        for web in ["https://a.sg/1", "HTTP://a.sg"] {
            assert!(is_web(web), "{web}");
        }
        for other in ["javascript:alert(1)", "data:text/html,x", "", "http:/", " https://a", "ééééééé"]
        {
            assert!(!is_web(other), "{other}");
        }
    }
}
