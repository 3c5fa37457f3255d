//! A batch function over HTTP: `POST /` runs it and responds with its report.
//!
//! | status | when |
//! |---|---|
//! | 200 | the run succeeded; `Idempotency-Replayed: true` if it did so for an earlier delivery of the same trigger |
//! | 400, 415, 408, 413 | the body cannot be read, or an option is invalid; `detail` names the member |
//! | 403 | a browser sent the request from a page of another origin |
//! | 404, 405 | another path, another method |
//! | 409 | a run is in progress; `run_id` is its id |
//! | 422 | the `Idempotency-Key` was used for a different request, or an option names a missing object |
//! | 503 | shutting down, interrupted, or a dependency is unavailable: retry after `Retry-After` |
//! | 500 | the run failed; the log has the error |

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::event::Trigger;
use super::held::{self, HeldLease};
use super::http_util::{Body, Problem, json, read_body, refuse_compressed};
use super::lease::{Acquired, Lease, LeaseTerms};
use super::origin::refuse_cross_site;
use super::run::{RunRequest, RunStatus, Runner};
use super::server::shutting_down;
use super::shutdown::{REMEMBER, within};
use super::trigger::{Finished, Triggers, request_sha256};
use crate::function::Mode;
use common_core::{Error, Result};
use common_storage::ArtifactStore;

/// The maximum size of a request body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Runs a function for each `POST` request, one run at a time.
pub(super) struct Endpoint<O> {
    pub(super) runner: Runner<O>,
    /// The store of the lease and of the finished triggers, shared by all instances.
    pub(super) store: Arc<dyn ArtifactStore>,
    /// How long the lease of a killed run blocks the next run.
    pub(super) lease_ttl: Duration,
    /// Whether every run is a dry run.
    pub(super) dry_run: bool,
    /// Whether the server listens on the loopback interface.
    pub(super) is_local: bool,
    pub(super) shutdown: CancellationToken,
    /// The runs in progress, which continue if the client disconnects.
    pub(super) work: TaskTracker,
}

/// The response to a successful request.
struct Reply {
    answer: Value,
    is_replay: bool,
}

impl<O: DeserializeOwned + Send + 'static> Endpoint<O> {
    /// Handles one request.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        match self.respond(request).await {
            Ok(reply) => {
                let mut response = json(StatusCode::OK, &reply.answer);
                if reply.is_replay {
                    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
                }
                response
            }
            Err(problem) => problem.into(),
        }
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Result<Reply, Problem> {
        if request.uri().path() != "/" {
            let detail = "unknown path; POST / runs the function";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
        if request.method() != Method::POST {
            return Err(Problem::method_not_allowed("POST"));
        }
        let (head, body) = request.into_parts();
        refuse_cross_site(&head.headers, self.is_local)?;
        refuse_compressed(&head.headers)?;
        let body = read_body(body, MAX_BODY_BYTES).await?;
        let trigger = Trigger::parse(&head.headers, &body)?;
        let options = trigger.options()?;
        if self.shutdown.is_cancelled() {
            return Err(shutting_down());
        }
        // A separate task, so that the run continues if the client disconnects.
        let work = self.work.clone();
        let run = async move { self.run(&trigger, options).await };
        work.spawn(run.in_current_span()).await.unwrap_or_else(|error| {
            Err(rejected(&Error::internal("the request was dropped").caused_by(error)))
        })
    }

    async fn run(&self, trigger: &Trigger, options: O) -> Result<Reply, Problem> {
        if let Some(reply) = self.replay(trigger).await? {
            return Ok(reply);
        }
        let run_id = Uuid::now_v7().to_string();
        let (mut lease, held) = self.lease(&run_id).await?;
        // The same trigger may have finished between the check above and acquiring the lease.
        let reply = match self.replay(trigger).await {
            Ok(None) => {
                let dry_run = trigger.dry_run || self.dry_run;
                let cancel = self.shutdown.child_token();
                let request =
                    RunRequest { run_id, options, dry_run, cancel, mode: Mode::Http, lease: Some(held) };
                self.run_with(&mut lease, trigger, request).await
            }
            Ok(Some(reply)) => Ok(reply),
            Err(problem) => Err(problem),
        };
        held::release(lease, Mode::Http, &self.shutdown).await;
        reply
    }

    async fn lease(&self, run_id: &str) -> Result<(Lease, HeldLease), Problem> {
        let name = format!("{}/lease.json", self.prefix());
        let held = HeldLease::new(Arc::clone(&self.store), name.clone()).await;
        let held = held.map_err(|error| rejected(&error))?;
        let store = Arc::clone(&self.store);
        let terms = LeaseTerms { store, name, ttl: self.lease_ttl, attempt: None };
        match terms.acquire(run_id, Utc::now()).await.map_err(|error| rejected(&error))? {
            Acquired::Granted(lease) => Ok((lease, held)),
            Acquired::Held(holder) => {
                let detail = format!(
                    "run {} is in progress; only one run is allowed at a time. If it was killed, retry at {}",
                    holder.run_id,
                    holder.expires_at.format("%FT%TZ")
                );
                Err(Problem::new(StatusCode::CONFLICT, detail).with("run_id", holder.run_id))
            }
        }
    }

    async fn run_with(
        &self,
        lease: &mut Lease,
        trigger: &Trigger,
        request: RunRequest<O>,
    ) -> Result<Reply, Problem> {
        let run_id = request.run_id.clone();
        let problem = match self.runner.run_with_lease(lease, request).await {
            Ok(answer) if answer.status == RunStatus::Succeeded => {
                let answer = answer.to_json();
                self.remember(trigger, &answer).await;
                return Ok(Reply { answer, is_replay: false });
            }
            Ok(answer) => Problem::of_run(&Error::cancelled("")).with("answer", answer.to_json()),
            Err(error) => Problem::of_run(&error),
        };
        Err(problem.with("run_id", run_id))
    }

    /// The response to an earlier delivery of the same trigger.
    async fn replay(&self, trigger: &Trigger) -> Result<Option<Reply>, Problem> {
        let Some(id) = &trigger.id else { return Ok(None) };
        let found = self.triggers().finished(id, Utc::now()).await.map_err(|error| rejected(&error))?;
        match found {
            Some(finished) if finished.request_sha256 != request_sha256(&trigger.request()) => {
                let detail = "this Idempotency-Key or event id was used for a request with other options";
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
            }
            found => Ok(found.map(|finished| Reply { answer: finished.answer, is_replay: true })),
        }
    }

    async fn remember(&self, trigger: &Trigger, answer: &Value) {
        let Some(id) = &trigger.id else { return };
        let finished = Finished {
            request_sha256: request_sha256(&trigger.request()),
            at: Utc::now(),
            answer: answer.clone(),
        };
        match within(&self.shutdown, REMEMBER, self.triggers().remember(id, &finished)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(
                    "the trigger was not saved, so a duplicate delivery would run again: {}",
                    error.chain()
                );
            }
            None => tracing::warn!(
                "the trigger was not saved within {REMEMBER:?}, so a duplicate delivery would run again"
            ),
        }
    }

    fn triggers(&self) -> Triggers {
        Triggers { store: Arc::clone(&self.store), prefix: self.prefix() }
    }

    fn prefix(&self) -> String {
        format!("runs/{}", self.runner.function.name)
    }
}

/// Logs an error that prevented the run, and returns the problem for the client.
fn rejected(error: &Error) -> Problem {
    tracing::error!("run not started: {}", error.chain());
    Problem::of_run(error)
}

#[cfg(test)]
mod tests;
