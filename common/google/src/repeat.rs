//! Repeats a request while its failure is transient and time is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;

use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::transfer::Transfer;

/// Time limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum time without progress within one attempt: until the response begins, and between two chunks that are
    /// sent or received.
    pub attempt: Duration,
    /// Maximum time of all attempts together, without the time for the bytes of the body ([`Self::transfer`]).
    pub total: Duration,
    /// Minimum rate of a transfer in bytes per second. A transfer that is slower on average, after an allowance of
    /// `attempt`, is given up.
    pub least_rate: u64,
    /// The wait before the second attempt; it doubles with every attempt, up to [`LONGEST_WAIT`].
    pub first_wait: Duration,
}

/// Maximum wait between two attempts, unless the server requests a longer one.
pub const LONGEST_WAIT: Duration = Duration::from_secs(32);

/// Default of [`Limits::least_rate`], 2 Mbit/s: a tenth of a typical household connection.
pub const LEAST_RATE: u64 = 256 << 10;

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_mins(1),
            total: Duration::from_mins(5),
            least_rate: LEAST_RATE,
            first_wait: Duration::from_millis(250),
        }
    }
}

impl Limits {
    /// Limits with `attempt_s` seconds per attempt and five times as much in total.
    pub fn of_seconds(attempt_s: u64) -> Self {
        let attempt = Duration::from_secs(attempt_s);
        Self { attempt, total: attempt * 5, ..Self::default() }
    }

    /// Maximum time until a connection is established.
    pub fn connect(&self) -> Duration {
        self.attempt.min(Duration::from_secs(10))
    }

    /// The time allowed for transferring `bytes`: 68 minutes per gigabyte by default.
    pub fn transfer(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.least_rate.max(1) as f64)
    }

    /// Maximum time of all attempts together, and without progress within one, of a request with this allowance.
    fn with(&self, allowance: Allowance) -> (Duration, Duration) {
        let Allowance { patience, reported_bytes, unreported_bytes } = allowance;
        let total = self.total + patience + self.transfer(reported_bytes + unreported_bytes);
        (total, self.attempt + patience + self.transfer(unreported_bytes))
    }

    /// The wait after attempt number `attempt` (from 1): exponential, with random jitter between half and all of it, so
    /// that clients do not retry simultaneously; at least `requested`, the wait that the server requested.
    pub fn wait(&self, attempt: u32, requested: Option<Duration>) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(LONGEST_WAIT);
        let own = longest.mul_f64(rand::rng().random_range(0.5..=1.0));
        requested.map_or(own, |requested| requested.max(own))
    }
}

/// Maximum number of attempts whose response cannot be read as the expected JSON. Such a response may come from a
/// front end that never lets the request through, and its status is unknown.
pub const MAX_UNREADABLE_ATTEMPTS: u32 = 6;

/// What a request may take beyond [`Limits`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    /// Time added to [`Limits::attempt`], and to [`Limits::total`] as far as attempts take it, for a request that the
    /// server answers late.
    pub patience: Duration,
    /// Number of bytes whose transfer is reported to [`Transfer`].
    pub reported_bytes: u64,
    /// Number of bytes whose transfer is not reported.
    pub unreported_bytes: u64,
}

/// Credentials and time limits of the requests to one service. Clones share tokens.
#[derive(Debug, Clone)]
pub struct Session {
    /// The host, for messages.
    host: Arc<str>,
    credentials: Arc<Credentials>,
    limits: Limits,
}

impl Session {
    /// A session with the API at `root`, a URL.
    pub fn new(root: &str, credentials: Credentials, limits: Limits) -> Self {
        // For the TLS connections of all clients. An error means that the process has installed a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = reqwest::Url::parse(root).ok();
        let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or(root).into();
        Self { host, credentials: Arc::new(credentials), limits }
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The credentials.
    pub fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// The time limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Calls `attempt` until it succeeds, fails permanently, or the time limit is reached; `doing` is for the log.
    ///
    /// An attempt is cancelled if [`Transfer`] reports no progress for [`Limits::attempt`]. After a response with
    /// status 401, and after one that cannot be read, the token is renewed once.
    ///
    /// # Errors
    /// The last failure, with the number of attempts.
    pub async fn repeat<T, F>(
        &self,
        doing: &str,
        allowance: Allowance,
        mut attempt: impl FnMut(Arc<Transfer>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let started = Instant::now();
        let (total, idle) = self.limits.with(allowance);
        let (mut attempts, mut unreadable, mut has_renewed_token) = (0, 0, false);
        let mut late = Duration::ZERO;
        loop {
            attempts += 1;
            let before = started.elapsed();
            let left = total.saturating_sub(before);
            let mut failure = match self.attempt(left.min(idle), &mut attempt).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            failure.attempts = attempts;
            unreadable += u32::from(failure.is_unreadable);
            let is_rejected = failure.status == Some(401);
            let renews_token = (is_rejected || failure.is_unreadable) && !has_renewed_token;
            if renews_token {
                has_renewed_token = true;
                self.credentials.forget();
            }
            let wait = if renews_token && is_rejected {
                Duration::ZERO
            } else if failure.is_transient() && unreadable < MAX_UNREADABLE_ATTEMPTS {
                self.limits.wait(attempts, failure.retry_after)
            } else {
                return Err(failure);
            };
            late += started.elapsed().saturating_sub(before + self.limits.attempt);
            if started.elapsed().saturating_add(wait) >= deadline(total, allowance.patience, late) {
                return Err(failure);
            }
            tracing::debug!(
                attempts,
                ?wait,
                status = failure.status,
                reason = failure.reason,
                "{doing}: retrying"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// Calls `attempt` once, under the limits of an attempt of [`Session::repeat`].
    ///
    /// # Errors
    /// The failure of the attempt.
    pub async fn once<T, F>(
        &self,
        allowance: Allowance,
        attempt: impl FnOnce(Arc<Transfer>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (_, idle) = self.limits.with(allowance);
        self.attempt(idle, attempt).await
    }

    /// Calls `attempt`, and cancels it if there is no progress for `idle`.
    async fn attempt<T, F>(
        &self,
        idle: Duration,
        attempt: impl FnOnce(Arc<Transfer>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let transfer = Arc::new(Transfer::new(self.limits, idle));
        // The futures of Google's clients are tens of kilobytes large.
        let attempt = Box::pin(attempt(Arc::clone(&transfer)));
        let outcome = transfer.watch(attempt).await;
        outcome.map_err(|failure| Failure { attempts: 1, ..failure.at(&self.host) })
    }
}

/// The time after which a failure is not retried; `total` includes `patience`, and attempts took `late` beyond
/// [`Limits::attempt`]. A server that fails at once does not use the patience.
fn deadline(total: Duration, patience: Duration, late: Duration) -> Duration {
    total.saturating_sub(patience.saturating_sub(late))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_for_late_failures() {
        let deadline_min = |late| {
            let [total, patience, late] = [15, 10, late].map(Duration::from_mins);
            deadline(total, patience, late).as_secs() / 60
        };
        // A load that fails after six minutes is repeated, and an outage is over after five.
        assert_eq!([0, 6, 20].map(deadline_min), [5, 11, 15]);
    }

    #[test]
    fn waits_double_up_to_a_maximum_and_respect_the_server() {
        let limits = Limits { first_wait: Duration::from_millis(100), ..Limits::default() };
        for (attempt, most) in [(1, 100), (2, 200), (4, 800), (60, 32_000)] {
            let wait = limits.wait(attempt, None);
            assert!(wait <= Duration::from_millis(most), "{attempt}: {wait:?}");
            assert!(wait >= Duration::from_millis(most / 2), "{attempt}: {wait:?}");
        }
        assert_eq!(limits.wait(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
    }
}
