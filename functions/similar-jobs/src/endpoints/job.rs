//! `/v1/jobs/{source}/{job_id}`: one ad.

use common::runtime::http_util::{Body, Problem};
use hyper::Response;
use serde::Serialize;

use super::{Call, Context, Endpoint, nothing, ok_json};
use crate::answer::{JobDetails, to_json};
use crate::job_key::JobKey;
use crate::request::Refusal;
use crate::served_index::ServedIndex;

pub(super) struct Job {
    index: ServedIndex,
}

#[derive(Serialize)]
struct Answer<'a> {
    index_version: &'a str,
    job: JobDetails<'a>,
}

impl Job {
    pub(super) fn new(index: &ServedIndex) -> Self {
        Self { index: index.clone() }
    }
}

impl Endpoint for Job {
    type Request = JobKey;

    const PATH: &'static str = "/v1/jobs/{source}/{job_id}";
    const OPENAPI: &'static str = include_str!("job.json");

    fn parse(&self, call: Call<'_>) -> Result<JobKey, Refusal> {
        nothing(call)?;
        let mut segments = call.segments.iter().cloned();
        let mut next = || segments.next().unwrap_or_default();
        Ok(JobKey { source: next(), job_id: next() })
    }

    async fn answer(&self, key: JobKey, context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        let row = key.row(&served.index)?;
        let answer = async {
            let job = served.index.ad(row).into();
            Ok(ok_json(to_json(&Answer { index_version: &served.index.manifest().version, job })))
        };
        context.unless_known(served.etag.as_ref(), answer).await
    }
}
