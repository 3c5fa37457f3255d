//! Writes an object once: in one request, or for a large one in a resumable session.
//!
//! A session continues after a broken connection at the first byte that Cloud Storage does not have. The client asks for
//! that byte before every attempt but the first; `send_buffered` would not after a broken connection, and loses a chunk,
//! so that large objects are sent unbuffered, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common_core::ErrorKind;
use common_google::repeat::{LONGEST_WAIT, MAX_UNREADABLE_ATTEMPTS};
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

use super::content::{Content, Source};

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
                let request = self.request(transfer).await?;
                Ok(request.with_resumable_upload_threshold(usize::MAX).send_unbuffered().await?)
            })
            .await
    }

    /// Writes the object in a resumable session. If a session is lost, or a request in it is not answered, another one
    /// begins.
    pub(super) async fn in_session(&self) -> Result<Object, Failure> {
        let limits = self.session.limits();
        let mut sessions = 0;
        loop {
            sessions += 1;
            // The idle time includes a wait between two attempts.
            let idle = limits.attempt + LONGEST_WAIT;
            let transfer = Arc::new(Transfer::new(limits, idle));
            let resumes = Resumes::new(self.session, &transfer);
            let sent = async {
                let request = self.request(Arc::clone(&transfer)).await?;
                Ok(request
                    .with_resumable_upload_threshold(0_usize)
                    .with_retry_policy(resumes.clone())
                    .with_backoff_policy(resumes.clone())
                    // The client's default delays retries at random, beyond the policy.
                    .with_retry_throttler(CircuitBreaker::clamp(1, 0, 0))
                    .send_unbuffered()
                    .await?)
            };
            let mut failure = match transfer.watch(sent).await {
                Ok(object) => return Ok(object),
                Err(failure) => failure.at(self.session.host()),
            };
            failure.attempts = resumes.attempts() + sessions;
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

    async fn request(&self, transfer: Arc<Transfer>) -> Result<WriteObject<Source>, Failure> {
        let source = self.content.open(transfer).await;
        let source =
            source.map_err(|error| Failure::local("file", format!("cannot read the file: {error}")))?;
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
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Number of failed attempts.
    attempts: u32,
    /// Number of failed attempts since the last one that sent anything.
    in_vain: u32,
    /// When the last attempt that sent anything failed; before that, the beginning.
    since: Instant,
    /// Number of bytes sent so far.
    bytes: u64,
    /// Number of responses that could not be read.
    unreadable: u32,
    retry_after: Option<Duration>,
    /// Whether the last failure was a rejected token.
    was_rejected: bool,
    /// Whether a transient failure was not retried, because it lasted too long.
    gave_up: bool,
}

impl Resumes {
    fn new(session: &Session, transfer: &Arc<Transfer>) -> Self {
        let state = State {
            attempts: 0,
            in_vain: 0,
            since: Instant::now(),
            bytes: 0,
            unreadable: 0,
            retry_after: None,
            was_rejected: false,
            gave_up: false,
        };
        Self { session: session.clone(), transfer: Arc::clone(transfer), state: Arc::new(Mutex::new(state)) }
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
        // An unknown session is 404, as is a missing bucket; but content is read only once a session exists.
        let is_lost = failure.kind() == ErrorKind::NotFound && self.transfer.bytes() > 0;
        is_lost || (failure.is_transient() && !self.state().gave_up)
    }

    /// Records `failure`, and returns whether to continue the session.
    fn continues_after(&self, failure: &Failure) -> bool {
        // A failed attempt is a sign of life: the wait before the next one does not count as idle time.
        self.transfer.advance(0);
        let mut state = self.state();
        state.attempts += 1;
        let bytes = self.transfer.bytes();
        if bytes > state.bytes {
            (state.bytes, state.in_vain, state.since) = (bytes, 0, Instant::now());
        }
        state.in_vain += 1;
        state.retry_after = failure.retry_after;
        let is_rejected = failure.status == Some(401);
        let was_rejected = std::mem::replace(&mut state.was_rejected, is_rejected);
        if is_rejected {
            self.session.credentials().forget();
            return !was_rejected;
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
        self.session.limits().wait(state.in_vain.max(1), state.retry_after).min(LONGEST_WAIT)
    }
}
