//! A function behind HTTP: `POST /` runs it and answers with its report.
//!
//! | status | when |
//! |---|---|
//! | 200 | the run succeeded; `Idempotency-Replayed: true` where it did so at an earlier delivery |
//! | 400, 415, 408, 413 | the body cannot be read, or an option is refused; `detail` names the member at fault |
//! | 403 | a page of another site sent it through a browser |
//! | 404, 405 | another path, another method |
//! | 409 | a run is under way; `run_id` names it |
//! | 422 | the `Idempotency-Key` was used for a different request, or what an option names does not exist |
//! | 503 | stopping, interrupted, or something is out of reach: try again after `Retry-After` |
//! | 500 | the run failed; the log says why |

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
use super::run::{Order, RunStatus, Runner};
use super::server::shutting_down;
use super::shutdown::{REMEMBER, within};
use super::trigger::{Finished, Triggers, request_sha256};
use crate::function::Mode;
use common_core::{Error, Result};
use common_storage::ArtifactStore;

/// The longest body that is read.
const MOST_BYTES: usize = 1 << 20;

/// Runs a function for whoever posts, one run at a time.
pub(super) struct Endpoint<O> {
    pub(super) runner: Runner<O>,
    /// Where lease and finished triggers are, for every instance to see.
    pub(super) store: Arc<dyn ArtifactStore>,
    /// How long a run that was killed keeps the next one waiting.
    pub(super) lease_ttl: Duration,
    /// Makes every run a dry one.
    pub(super) dry_run: bool,
    /// Whether only this machine can reach it.
    pub(super) is_local: bool,
    pub(super) shutdown: CancellationToken,
    /// The runs: they outlive the connections that asked for them.
    pub(super) work: TaskTracker,
}

/// What a client gets where nothing went wrong.
struct Reply {
    answer: Value,
    is_replay: bool,
}

impl<O: DeserializeOwned + Send + 'static> Endpoint<O> {
    /// Answers one request.
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
            let detail = "there is nothing at this path; POST / runs the function";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
        if request.method() != Method::POST {
            return Err(Problem::method_not_allowed("POST"));
        }
        let (head, body) = request.into_parts();
        refuse_cross_site(&head.headers, self.is_local)?;
        refuse_compressed(&head.headers)?;
        let body = read_body(body, MOST_BYTES).await?;
        let trigger = Trigger::parse(&head.headers, &body)?;
        let options = trigger.options()?;
        if self.shutdown.is_cancelled() {
            return Err(shutting_down());
        }
        // A task of its own: a client that goes away takes its connection with it, not the run.
        let work = self.work.clone();
        let run = async move { self.run(&trigger, options).await };
        work.spawn(run.in_current_span()).await.unwrap_or_else(|error| {
            Err(unanswered(&Error::internal("the request was dropped").caused_by(error)))
        })
    }

    async fn run(&self, trigger: &Trigger, options: O) -> Result<Reply, Problem> {
        if let Some(reply) = self.replay(trigger).await? {
            return Ok(reply);
        }
        let run_id = Uuid::now_v7().to_string();
        let (mut lease, held) = self.lease(&run_id).await?;
        // The same trigger may have finished between the look above and the lease.
        let reply = match self.replay(trigger).await {
            Ok(None) => {
                let dry_run = trigger.dry_run || self.dry_run;
                let cancel = self.shutdown.child_token();
                let order = Order { run_id, options, dry_run, cancel, mode: Mode::Http, lease: Some(held) };
                self.run_with(&mut lease, trigger, order).await
            }
            Ok(Some(reply)) => Ok(reply),
            Err(problem) => Err(problem),
        };
        held::end(lease, Mode::Http, &self.shutdown).await;
        reply
    }

    async fn lease(&self, run_id: &str) -> Result<(Lease, HeldLease), Problem> {
        let name = format!("{}/lease.json", self.prefix());
        let held = HeldLease::new(Arc::clone(&self.store), name.clone()).await;
        let held = held.map_err(|error| unanswered(&error))?;
        let store = Arc::clone(&self.store);
        let terms = LeaseTerms { store, name, ttl: self.lease_ttl, attempt: None };
        match terms.acquire(run_id, Utc::now()).await.map_err(|error| unanswered(&error))? {
            Acquired::Ours(lease) => Ok((lease, held)),
            Acquired::Theirs(holder) => {
                let detail = format!(
                    "run {} is under way; one run is allowed at a time. If it was killed, the next can begin at {}",
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
        order: Order<O>,
    ) -> Result<Reply, Problem> {
        let run_id = order.run_id.clone();
        let problem = match self.runner.run_holding(lease, order).await {
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

    /// The answer to an earlier delivery of the same trigger.
    async fn replay(&self, trigger: &Trigger) -> Result<Option<Reply>, Problem> {
        let Some(id) = &trigger.id else { return Ok(None) };
        let found = self.triggers().finished(id, Utc::now()).await.map_err(|error| unanswered(&error))?;
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
                tracing::warn!("a repeat of this trigger would run again: {}", error.chain());
            }
            None => tracing::warn!("a repeat of this trigger would run again: the process ends"),
        }
    }

    fn triggers(&self) -> Triggers {
        Triggers { store: Arc::clone(&self.store), prefix: self.prefix() }
    }

    fn prefix(&self) -> String {
        format!("runs/{}", self.runner.function.name)
    }
}

/// Logs why there is no run, and tells the caller what they may know.
fn unanswered(error: &Error) -> Problem {
    tracing::error!("no run: {}", error.chain());
    Problem::of_run(error)
}

#[cfg(test)]
mod tests;
