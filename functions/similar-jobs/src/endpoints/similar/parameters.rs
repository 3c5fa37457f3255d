//! Parameters of a GET request: the ads similar to an ad.

use common::index::Filter;
use serde::Deserialize;

use super::query::{QueryInput, SimilarQuery, TopK};
use crate::job_key::JobKey;
use crate::request::values::{Amount, Flag, Moment, Repeated, Similarity, Word, some};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    source: Word,
    job_id: Word,
    #[serde(default)]
    top_k: TopK,
    #[serde(default)]
    location: Repeated,
    #[serde(default)]
    classification: Repeated,
    #[serde(default)]
    work_type: Repeated,
    #[serde(default)]
    company: Repeated,
    /// `source` names the ad.
    #[serde(default)]
    filter_source: Repeated,
    #[serde(default, deserialize_with = "some")]
    salary_min_sgd_per_month: Option<Amount>,
    #[serde(default, deserialize_with = "some")]
    posted_after: Option<Moment>,
    #[serde(default)]
    cluster: Repeated,
    #[serde(default, deserialize_with = "some")]
    min_similarity: Option<Similarity>,
    #[serde(default)]
    exact: Flag,
    #[serde(default)]
    include_reposts: Flag,
}

impl From<Parameters> for SimilarQuery {
    fn from(parameters: Parameters) -> Self {
        let key = JobKey { source: parameters.source.0, job_id: parameters.job_id.0 };
        Self {
            input: QueryInput::Job(key),
            top_k: parameters.top_k.get(),
            filter: Filter {
                source: parameters.filter_source.0,
                location: parameters.location.0,
                classification: parameters.classification.0,
                work_type: parameters.work_type.0,
                company: parameters.company.0,
                salary_min_sgd_per_month: parameters.salary_min_sgd_per_month.map(|Amount(amount)| amount),
                posted_after: parameters.posted_after.map(|Moment(moment)| moment),
                cluster: parameters.cluster.0,
            },
            min_similarity: parameters.min_similarity.map(|Similarity(similarity)| similarity),
            exact: parameters.exact.0,
            include_reposts: parameters.include_reposts.0,
            hybrid: false,
        }
    }
}
