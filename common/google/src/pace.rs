//! Whether a transfer goes on: something moves, and not too slowly.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::retry::Limits;

/// One try of a request, as its bytes move.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: Limits,
    /// How long nothing may happen.
    idle: Duration,
    started: Instant,
    /// Bytes that moved either way, and when the last of them did.
    moved: Mutex<(u64, Instant)>,
}

impl Pace {
    /// Begins now; nothing may happen for `idle`.
    pub(crate) fn new(limits: Limits, idle: Duration) -> Self {
        let started = Instant::now();
        Self { limits, idle, started, moved: Mutex::new((0, started)) }
    }

    /// So many more bytes moved.
    pub(crate) fn advance(&self, bytes: usize) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        *moved = (moved.0 + bytes as u64, Instant::now());
    }

    /// Says whether a byte moved.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).0 > 0
    }

    /// When it ends unless more moves until then.
    fn deadline(&self) -> Instant {
        let (bytes, last) = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        (last + self.idle).min(self.started + self.idle + self.limits.transfer(bytes))
    }

    /// Returns once it has stalled, or moved too little for the time that it took.
    pub(crate) async fn stalls(&self) {
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

    /// When a transfer ends, in seconds after its begin, that moves `bytes` and `last_s` seconds after its begin the last of them.
    fn deadline_s(bytes: u64, last_s: u64) -> u64 {
        let pace = Pace::new(Limits::default(), Duration::from_mins(1));
        *pace.moved.lock().unwrap() = (bytes, pace.started + Duration::from_secs(last_s));
        (pace.deadline() - pace.started).as_secs()
    }

    #[test]
    fn the_limit_fits_the_size_and_a_stall_ends() {
        assert_eq!(deadline_s(0, 0), 60, "no answer");
        // 2.4 GB at 20 Mbit/s take 960 s, and what is under way is left alone.
        for seconds in [1, 100, 500, 960] {
            let moved = seconds * 2_500_000;
            assert_eq!(deadline_s(moved, seconds), seconds + 60, "ends a minute after it stalls");
        }
        // A trickle of 1 KB/s never stalls, and ends.
        assert!(deadline_s(100 << 10, 100) < 100);
    }
}
