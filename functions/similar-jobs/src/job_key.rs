//! Key of an ad: its source and its id there.

use common::index::{JobIndex, Row};
use common::runtime::http_util::Problem;
use hyper::StatusCode;
use serde::{Deserialize, Deserializer};

use crate::request::values::Word;

/// Key of an ad.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobKey {
    #[serde(deserialize_with = "word")]
    pub(crate) source: String,
    #[serde(deserialize_with = "word")]
    pub(crate) job_id: String,
}

fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Word::deserialize(deserializer).map(|Word(word)| word)
}

impl JobKey {
    /// The row of the ad in `index`.
    ///
    /// # Errors
    /// A problem of status 404, with the remedy, if the index does not have the ad.
    pub(crate) fn row(&self, index: &JobIndex) -> Result<Row, Problem> {
        let Self { source, job_id } = self;
        index.row_of(source, job_id).ok_or_else(|| {
            let detail = format!(
                "index {} has no ad {source}/{job_id}; an ad gets into the index by embed-new-jobs and then \
                 build-vector-index, unless it has no text or none that the model can read",
                index.manifest().version,
            );
            Problem::new(StatusCode::NOT_FOUND, detail)
        })
    }
}
