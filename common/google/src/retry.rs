//! How long a request may take, how often it is tried, and how long to wait between.

use std::time::Duration;

use rand::Rng;

/// How long to go on with one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest that nothing may happen within one try: until its answer begins, and between two parts of what is
    /// sent or received.
    pub attempt: Duration,
    /// The longest from the first try to the end of the last, without what its bytes may take.
    pub total: Duration,
    /// The fewest bytes a second at which a transfer goes on: one that has moved less since its begin, but for
    /// `attempt`, ends.
    pub least_rate: u64,
    /// The wait before the second try; it doubles from try to try, up to [`LONGEST_WAIT`].
    pub first_wait: Duration,
}

/// The longest wait between two tries that we choose ourselves; a server may ask for more.
pub const LONGEST_WAIT: Duration = Duration::from_secs(32);

/// 2 Mbit/s: a tenth of a household's line, so that a slow one gets its time and a trickle does not.
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
    /// Limits for requests of which one try may do nothing for `attempt_s` seconds, and all together take five times that
    /// and the time that their bytes need.
    pub fn of_seconds(attempt_s: u64) -> Self {
        let attempt = Duration::from_secs(attempt_s);
        Self { attempt, total: attempt * 5, ..Self::default() }
    }

    /// What `bytes` may take beside all that: a gigabyte 68 minutes.
    pub fn transfer(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.least_rate.max(1) as f64)
    }

    /// The wait after try number `attempt` (from 1): exponential with full jitter between its half and its whole, so
    /// that clients that failed together do not come back together; never less than the server asked for.
    pub fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(LONGEST_WAIT);
        let own = longest.mul_f64(rand::rng().random_range(0.5..=1.0));
        asked.map_or(own, |asked| asked.max(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_obey_the_server() {
        let limits = Limits { first_wait: Duration::from_millis(100), ..Limits::default() };
        for (attempt, most) in [(1, 100), (2, 200), (4, 800), (60, 32_000)] {
            let wait = limits.wait(attempt, None);
            assert!(wait <= Duration::from_millis(most), "{attempt}: {wait:?}");
            assert!(wait >= Duration::from_millis(most / 2), "{attempt}: {wait:?}");
        }
        assert_eq!(limits.wait(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
    }
}
