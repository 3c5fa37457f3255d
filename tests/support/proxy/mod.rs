//! A proxy that injects faults of networks and servers, scheduled by a seed.
//!
//! It serves one request per connection. Resumable uploads to Cloud Storage are answered by the proxy as Cloud Storage
//! answers them, because the emulator ends an upload when it is asked for the status, and ignores preconditions.

mod fault;
mod link;
mod message;
mod schedule;
mod serve;
mod sessions;
#[cfg(test)]
mod tests;
mod upstream;
mod wording;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use fault::{Fault, SEEDED};
use link::Link;
use schedule::{Replacement, Schedule, Scope};
use sessions::Sessions;

/// A running proxy. Dropping it stops the proxy and closes its connections.
pub(crate) struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What all connections share.
struct Shared {
    /// `host:port` of the server.
    upstream: String,
    /// `host:port` of the proxy.
    address: String,
    late: Duration,
    schedule: Mutex<Schedule>,
    link: Arc<Link>,
    sessions: Sessions,
}

impl Shared {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().expect("no panic elsewhere")
    }
}

impl Proxy {
    /// Starts a proxy for `upstream` (`http://host:port` or `host:port`) in which one request in `one_in` fails, chosen
    /// by `seed`. `late` must be longer than the timeout of the client.
    pub(crate) async fn start(upstream: &str, seed: u64, one_in: u32, late: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.trim_start_matches("http://").to_owned(),
            address,
            late,
            schedule: Mutex::new(Schedule::new(seed, one_in)),
            link: Arc::default(),
            sessions: Sessions::default(),
        });
        let stop = CancellationToken::new();
        let (stopped, all) = (stop.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            while let Some(Ok((client, _))) = stopped.run_until_cancelled(listener.accept()).await {
                let (shared, stopped) = (Arc::clone(&all), stopped.clone());
                tokio::spawn(async move {
                    // Broken connections are expected.
                    stopped.run_until_cancelled(serve::serve(client, &shared)).await
                });
            }
        });
        Self { url: format!("http://{}", shared.address), shared, _stop: stop.drop_guard() }
    }

    /// Injects these faults into the next requests, in this order.
    pub(crate) fn force(&self, faults: &[Fault]) {
        self.shared.schedule().force(faults, Scope::All);
    }

    /// Injects these faults into the next uploads, in this order. The start and the status of a resumable upload belong
    /// to the uploads.
    pub(crate) fn force_uploads(&self, faults: &[Fault]) {
        self.shared.schedule().force(faults, Scope::Uploads);
    }

    /// Injects these faults into the next requests that upload content, in this order.
    pub(crate) fn force_content(&self, faults: &[Fault]) {
        self.shared.schedule().force(faults, Scope::Content);
    }

    /// Closes all connections from now on, or forwards again.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.shared.schedule().is_cut = is_cut;
    }

    /// Replaces 404 and 412 responses by those of Cloud Storage from now on, because the emulator's do not name the
    /// missing bucket or object, and have other reasons.
    pub(crate) fn word_as_cloud_storage(&self) {
        self.shared.schedule().has_gcs_messages = true;
    }

    /// Responds with 400 to requests that contain this text from now on. Only the head is searched if the body has more
    /// than 16 MiB.
    pub(crate) fn refuse(&self, text: &str) {
        self.shared.schedule().refused_content = Some(text.as_bytes().to_vec());
    }

    /// Replaces `from` by `to`, which must have the same length, in requests and responses that contain `marker` from
    /// now on. Only the head of a request and the first 16 MiB of a response are searched if the body has more than
    /// 16 MiB.
    pub(crate) fn alter(&self, marker: &'static str, from: &'static str, to: &'static str) {
        assert_eq!(from.len(), to.len());
        self.shared.schedule().replacements.push(Replacement { marker, from, to });
    }

    /// Limits the bandwidth of all connections together, in each direction, from now on; 0 for no limit. Bodies of
    /// requests and whole responses count.
    pub(crate) fn limit_rate(&self, bytes_per_s: u64) {
        self.shared.link.limit_rate(bytes_per_s);
    }

    /// The number of bytes of content received so far in uploads, whether they were kept or lost.
    pub(crate) fn uploaded_bytes(&self) -> u64 {
        self.shared.link.uploaded_bytes()
    }

    /// The faults injected so far.
    pub(crate) fn seen(&self) -> Vec<Fault> {
        self.shared.schedule().injected.clone()
    }
}
