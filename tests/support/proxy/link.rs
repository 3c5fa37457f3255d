//! The bandwidth between the client and the proxy, and the number of uploaded bytes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of bytes that are received or sent at once.
const MAX_PIECE_BYTES: u64 = 64 << 10;

/// The link that all connections of a proxy share. Both directions have the same bandwidth.
#[derive(Default)]
pub(super) struct Link {
    /// 0 for no limit.
    bytes_per_s: AtomicU64,
    /// When the link is free again.
    upwards: Mutex<Option<Instant>>,
    downwards: Mutex<Option<Instant>>,
    uploaded_bytes: AtomicU64,
}

impl Link {
    pub(super) fn limit_rate(&self, bytes_per_s: u64) {
        self.bytes_per_s.store(bytes_per_s, Ordering::Relaxed);
    }

    pub(super) fn count_upload(&self, bytes: usize) {
        self.uploaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn uploaded_bytes(&self) -> u64 {
        self.uploaded_bytes.load(Ordering::Relaxed)
    }

    /// The number of bytes to transfer at once: at most a twentieth of a second.
    pub(super) fn piece_bytes(&self) -> u64 {
        match self.bytes_per_s.load(Ordering::Relaxed) {
            0 => MAX_PIECE_BYTES,
            rate => (rate / 20).clamp(1, MAX_PIECE_BYTES),
        }
    }

    /// Returns when these bytes have passed from the client to the proxy.
    pub(super) async fn pass_upwards(&self, bytes: usize) {
        self.pass(&self.upwards, bytes).await;
    }

    /// Returns when these bytes have passed from the proxy to the client.
    pub(super) async fn pass_downwards(&self, bytes: usize) {
        self.pass(&self.downwards, bytes).await;
    }

    async fn pass(&self, direction: &Mutex<Option<Instant>>, bytes: usize) {
        let rate = self.bytes_per_s.load(Ordering::Relaxed);
        if rate == 0 {
            return;
        }
        let passed = {
            let mut free = direction.lock().expect("no panic elsewhere");
            let start = free.map_or_else(Instant::now, |free| free.max(Instant::now()));
            *free.insert(start + Duration::from_secs_f64(bytes as f64 / rate as f64))
        };
        tokio::time::sleep_until(passed).await;
    }
}
