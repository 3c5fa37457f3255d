//! Writes an object once: in one request, or for a large one in a resumable session.
//!
//! A session continues after a broken connection at the first byte that Cloud Storage does not have. The client asks for
//! that byte before every attempt but the first; `send_buffered` would not after a broken connection, and loses a chunk,
//! so that large objects are sent unbuffered, too.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common_core::ErrorKind;
use common_google::repeat::MAX_UNREADABLE_ATTEMPTS;
use common_google::{Allowance, Failure, Session, Transfer};
use google_cloud_gax::backoff_policy::BackoffPolicy;
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::retry_policy::RetryPolicy;
use google_cloud_gax::retry_result::RetryResult;
use google_cloud_gax::retry_state::RetryState;
use google_cloud_gax::retry_throttler::CircuitBreaker;
use google_cloud_storage::builder::storage::WriteObject;
use google_cloud_storage::client::Storage;
use google_cloud_storage::model::Object;

use super::content::{Content, Progress, Source};

/// Maximum number of resumable sessions for one object. Another session begins at the first byte.
const MAX_SESSIONS: u32 = 3;

/// An object that is written if its generation is still `expected` (0: it does not exist).
#[derive(Debug)]
pub(super) struct Upload<'a> {
    pub(super) session: &'a Session,
    pub(super) objects: &'a Storage,
    pub(super) doing: &'a str,
    /// `projects/_/buckets/NAME`.
    pub(super) bucket: &'a str,
    pub(super) object: &'a str,
    pub(super) content: &'a Content,
    pub(super) expected: i64,
    /// Identifies this write in the object's metadata.
    pub(super) writer: &'a str,
}

impl Upload<'_> {
    /// Writes the object in one request, which is repeated as a whole.
    pub(super) async fn at_once(&self) -> Result<Object, Failure> {
        let allowance = Allowance { reported_bytes: self.content.size_bytes, ..Allowance::default() };
        self.session
            .repeat(self.doing, allowance, async |transfer| {
                let request = self.request(transfer, Arc::default()).await?;
                let sent = request.with_resumable_upload_threshold(usize::MAX).send_unbuffered();
                Ok(Box::pin(sent).await?)
            })
            .await
    }

    /// Writes the object in a resumable session. If a session is lost, or a request in it is not answered, another one
    /// begins.
    pub(super) async fn in_session(&self) -> Result<Object, Failure> {
        let limits = self.session.limits();
        let (mut sessions, mut attempts) = (0, 0);
        loop {
            sessions += 1;
            let transfer = Arc::new(Transfer::new(limits, limits.attempt));
            let progress = Arc::default();
            let resumes = Resumes::new(self.session, &transfer, &progress);
            let sent = async {
                let request = self.request(Arc::clone(&transfer), progress).await?;
                let sent = request
                    .with_resumable_upload_threshold(0_usize)
                    .with_retry_policy(resumes.clone())
                    .with_backoff_policy(resumes.clone())
                    // The client's default delays retries at random, beyond the policy.
                    .with_retry_throttler(CircuitBreaker::clamp(1, 0, 0))
                    .send_unbuffered();
                Ok(Box::pin(sent).await?)
            };
            // The policy counts the attempts that fail; one that stalls ends the session.
            let (failure, stalled) = match transfer.watch(async { Ok(sent.await) }).await {
                Ok(Ok(object)) => return Ok(object),
                Ok(Err(failure)) => (failure, 0),
                Err(stall) => (stall, 1),
            };
            attempts += resumes.attempts() + stalled;
            let failure = Failure { attempts, ..failure.at(self.session.host()) };
            if sessions == MAX_SESSIONS || !resumes.is_worth_another_session(&failure) {
                return Err(failure);
            }
            let wait = limits.wait(sessions, failure.retry_after);
            tracing::debug!(
                sessions,
                ?wait,
                "{}: beginning another upload session: {}",
                self.doing,
                failure.message
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn request(
        &self,
        transfer: Arc<Transfer>,
        progress: Arc<Progress>,
    ) -> Result<WriteObject<Source>, Failure> {
        let source = self.content.open(transfer, progress).await;
        let source = source.map_err(|error| Failure::local("file", error.to_string()))?;
        Ok(self
            .objects
            .write_object(self.bucket, self.object, source)
            .set_if_generation_match(self.expected)
            .set_metadata([("writer", self.writer)])
            .with_known_crc32c(self.content.crc32c))
    }
}

/// Which failures of a resumable session are retried within the session, and when.
///
/// The client's own policy gives up after a response that is cut off, and does not renew a token.
#[derive(Debug, Clone)]
struct Resumes {
    session: Session,
    transfer: Arc<Transfer>,
    progress: Arc<Progress>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Number of failed attempts.
    attempts: u32,
    /// Number of failed attempts without progress, and the time since which there is none.
    attempts_without_progress: u32,
    since: Instant,
    /// Number of bytes that the server has.
    persisted_bytes: u64,
    /// Number of responses that could not be read.
    unreadable: u32,
    retry_after: Option<Duration>,
    /// Whether a rejected token was renewed since the last progress.
    has_renewed_token: bool,
    /// Whether a transient failure was not retried, because it lasted too long.
    gave_up: bool,
}

impl Resumes {
    fn new(session: &Session, transfer: &Arc<Transfer>, progress: &Arc<Progress>) -> Self {
        let state = State {
            attempts: 0,
            attempts_without_progress: 0,
            since: Instant::now(),
            persisted_bytes: 0,
            unreadable: 0,
            retry_after: None,
            has_renewed_token: false,
            gave_up: false,
        };
        Self {
            session: session.clone(),
            transfer: Arc::clone(transfer),
            progress: Arc::clone(progress),
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of failed attempts.
    fn attempts(&self) -> u32 {
        self.state().attempts
    }

    /// Returns whether to begin another session after `failure`, which ended this one.
    fn is_worth_another_session(&self, failure: &Failure) -> bool {
        // Once a session has begun, these mean that it is unknown, or that its content is not what we sent.
        let is_lost =
            matches!(failure.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::Corrupt)
                && self.progress.has_begun.load(Ordering::Relaxed);
        is_lost || (failure.is_transient() && !self.state().gave_up)
    }

    /// Records `failure`, and returns whether to continue the session.
    fn continues_after(&self, failure: &Failure) -> bool {
        let mut state = self.state();
        state.attempts += 1;
        let persisted_bytes = self.progress.persisted_bytes.load(Ordering::Relaxed);
        if persisted_bytes > state.persisted_bytes {
            state.persisted_bytes = persisted_bytes;
            state.attempts_without_progress = 0;
            state.since = Instant::now();
            state.has_renewed_token = false;
        }
        state.attempts_without_progress += 1;
        state.retry_after = failure.retry_after;
        if failure.status == Some(401) {
            self.session.credentials().forget();
            return !std::mem::replace(&mut state.has_renewed_token, true);
        }
        // 410: the session is gone, and only another one helps.
        if !failure.is_transient() || failure.status == Some(410) {
            return false;
        }
        state.unreadable += u32::from(failure.is_unreadable);
        state.gave_up = state.since.elapsed() > self.session.limits().total
            || state.unreadable >= MAX_UNREADABLE_ATTEMPTS;
        !state.gave_up
    }
}

impl RetryPolicy for Resumes {
    fn on_error(&self, _: &RetryState, error: ClientError) -> RetryResult {
        if self.continues_after(&Failure::from(&error)) {
            RetryResult::Continue(error)
        } else {
            RetryResult::Permanent(error)
        }
    }
}

impl BackoffPolicy for Resumes {
    fn on_failure(&self, _: &RetryState) -> Duration {
        let state = self.state();
        let wait = self.session.limits().wait(state.attempts_without_progress.max(1), state.retry_after);
        // The limits of an attempt do not include the wait before it.
        self.transfer.restart_in(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use common_google::{Credentials, Limits};

    use super::*;

    fn resumes() -> Resumes {
        let session = Session::new("http://localhost", Credentials::anonymous(), Limits::default());
        let transfer = Arc::new(Transfer::new(session.limits(), session.limits().attempt));
        Resumes::new(&session, &transfer, &Arc::default())
    }

    fn failure(status: u16) -> Failure {
        Failure { status: Some(status), ..Failure::local("", "by the test".into()) }
    }

    /// Lets the last progress be older than the limit.
    fn wait(resumes: &Resumes) {
        let limit = resumes.session.limits().total + Duration::from_secs(1);
        let since = Instant::now().checked_sub(limit).expect("the machine runs for longer");
        resumes.state().since = since;
    }

    #[test]
    fn a_session_ends_after_an_outage_without_progress() {
        let resumes = resumes();
        assert!(resumes.continues_after(&failure(503)));
        wait(&resumes);
        resumes.progress.persisted_bytes.store(1, Ordering::Relaxed);
        assert!(resumes.continues_after(&failure(503)), "something has arrived");
        wait(&resumes);
        assert!(!resumes.continues_after(&failure(503)));
        assert!(!resumes.is_worth_another_session(&failure(503)));
        assert_eq!(resumes.attempts(), 3);
    }

    #[test]
    fn a_rejected_token_is_renewed_once_for_each_progress() {
        let resumes = resumes();
        assert!(resumes.continues_after(&failure(401)));
        resumes.progress.persisted_bytes.store(1, Ordering::Relaxed);
        assert!(resumes.continues_after(&failure(401)));
        assert!(resumes.continues_after(&failure(503)));
        assert!(!resumes.continues_after(&failure(401)));
        assert!(!resumes.is_worth_another_session(&failure(401)));
    }

    #[test]
    fn a_session_that_has_begun_and_is_lost_is_replaced() {
        let resumes = resumes();
        for status in [400, 404, 410] {
            assert!(!resumes.continues_after(&failure(status)), "{status}");
        }
        // Before a session has begun, these are about the bucket or the request.
        assert!(!resumes.is_worth_another_session(&failure(404)));
        assert!(!resumes.is_worth_another_session(&failure(400)));
        resumes.progress.has_begun.store(true, Ordering::Relaxed);
        for status in [400, 404, 410] {
            assert!(resumes.is_worth_another_session(&failure(status)), "{status}");
        }
        for status in [403, 412] {
            assert!(!resumes.is_worth_another_session(&failure(status)), "{status}");
        }
    }
}
