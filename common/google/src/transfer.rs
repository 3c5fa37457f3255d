//! Detects transfers that stall or are too slow.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::failure::{Failure, NO_ANSWER};
use crate::repeat::Limits;

/// The progress of one attempt.
#[derive(Debug)]
pub struct Transfer {
    limits: Limits,
    /// Maximum time without progress.
    idle: Duration,
    started: Instant,
    /// Number of bytes sent and received, and the time of the last progress.
    moved: Mutex<(u64, Instant)>,
}

impl Transfer {
    /// Starts the clock; `idle` is the maximum time without progress.
    pub fn new(limits: Limits, idle: Duration) -> Self {
        let started = Instant::now();
        Self { limits, idle, started, moved: Mutex::new((0, started)) }
    }

    /// Maximum time without progress.
    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// Records progress of `bytes`.
    pub fn advance(&self, bytes: usize) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        *moved = (moved.0 + bytes as u64, Instant::now());
    }

    /// Awaits `work`, and fails when the transfer stalls.
    ///
    /// # Errors
    /// The failure of `work`, or one of the connection.
    pub async fn watch<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            outcome = work => outcome,
            () = self.stalled() => Err(Failure::of_connection(
                if self.bytes() > 0 { "the transfer stopped or was too slow" } else { NO_ANSWER },
            )),
        }
    }

    /// Number of bytes sent and received.
    pub fn bytes(&self) -> u64 {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The time at which the transfer is given up if there is no further progress.
    fn deadline(&self) -> Instant {
        let (bytes, last) = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        (last + self.idle).min(self.started + self.idle + self.limits.transfer(bytes))
    }

    /// Completes when the transfer has stalled or is slower than [`Limits::least_rate`].
    async fn stalled(&self) {
        loop {
            let deadline = self.deadline();
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline.into()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deadline, in seconds after the start, of a transfer of `bytes` whose last progress was `last_s` seconds
    /// after the start.
    fn deadline_s(bytes: u64, last_s: u64) -> u64 {
        let transfer = Transfer::new(Limits::default(), Duration::from_mins(1));
        *transfer.moved.lock().unwrap() = (bytes, transfer.started + Duration::from_secs(last_s));
        (transfer.deadline() - transfer.started).as_secs()
    }

    #[test]
    fn the_deadline_grows_with_the_size_and_is_limited_by_stalls() {
        assert_eq!(deadline_s(0, 0), 60, "no answer");
        // 2.4 GB at 20 Mbit/s take 960 s. A transfer with progress is not interrupted.
        for seconds in [1, 100, 500, 960] {
            let moved = seconds * 2_500_000;
            assert_eq!(deadline_s(moved, seconds), seconds + 60, "ends a minute after it stalls");
        }
        // 1 KB/s never stalls, but is too slow.
        assert!(deadline_s(100 << 10, 100) < 100);
    }
}
