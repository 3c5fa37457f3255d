//! Detects transfers that stall or are too slow.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::{Failure, NO_ANSWER};
use crate::repeat::Limits;

/// The progress of one attempt.
#[derive(Debug)]
pub struct Transfer {
    limits: Limits,
    /// Maximum time without progress.
    idle: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    /// The time of the last progress.
    last: Instant,
    /// Number of bytes sent and received.
    bytes: u64,
}

impl State {
    fn starting(started: Instant) -> Self {
        Self { started, last: started, bytes: 0 }
    }
}

impl Transfer {
    /// Starts the clock; `idle` is the maximum time without progress.
    pub fn new(limits: Limits, idle: Duration) -> Self {
        Self { limits, idle, state: Mutex::new(State::starting(Instant::now())) }
    }

    /// Starts the clock again after `wait`, for another attempt.
    pub fn restart_in(&self, wait: Duration) {
        *self.state() = State::starting(Instant::now() + wait);
    }

    /// Maximum time without progress.
    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// Records progress of `bytes`.
    pub fn advance(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes += bytes as u64;
        state.last = Instant::now();
    }

    /// Awaits `work`, and fails when the transfer stalls.
    ///
    /// # Errors
    /// The failure of `work`, or one of the connection.
    pub async fn watch<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            outcome = work => outcome,
            () = self.stalled() => {
                let has_moved = self.state().bytes > 0;
                Err(Failure::of_connection(
                    if has_moved { "the transfer stopped or was too slow" } else { NO_ANSWER },
                ))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time at which the transfer is given up if there is no further progress.
    fn deadline(&self) -> Instant {
        let state = self.state();
        (state.last + self.idle).min(state.started + self.idle + self.limits.transfer(state.bytes))
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
        let started = transfer.state().started;
        *transfer.state() = State { started, last: started + Duration::from_secs(last_s), bytes };
        (transfer.deadline() - started).as_secs()
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
