//! Time limits of requests, and the wait between attempts.

use std::time::Duration;

use rand::Rng;

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

    /// The time allowed for transferring `bytes`: 68 minutes per gigabyte by default.
    pub fn transfer(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.least_rate.max(1) as f64)
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

#[cfg(test)]
mod tests {
    use super::*;

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
