//! What `/metrics` says, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::search::Manifest;

/// Upper bounds of the latency histogram's buckets, in seconds, as they are written.
const BUCKETS: [(f64, &str); 13] = [
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (2.5, "2.5"),
    (5.0, "5"),
    (10.0, "10"),
];

/// The status under which a request counts whose client went away before the answer.
const CLIENT_GONE: u16 = 499;

/// What became of a text in the embedding queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embedded {
    Done,
    Failed,
    /// Nobody waited for it any more.
    Dropped,
}

/// Counters and gauges of the process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    in_flight: AtomicI64,
    /// By route and status.
    requests: Mutex<BTreeMap<(&'static str, u16), Latencies>>,
    indexes_opened: AtomicU64,
    indexes_failed: AtomicU64,
    texts: [AtomicU64; 3],
    turns: AtomicU64,
}

/// How long the requests took that were answered alike.
#[derive(Debug, Default, Clone, Copy)]
struct Latencies {
    /// By the first bucket that holds it; the last are those beyond all buckets.
    counts: [u64; BUCKETS.len() + 1],
    sum: Duration,
}

/// A request that is being answered; counted when this is dropped.
pub(crate) struct Asking<'a> {
    metrics: &'a Metrics,
    route: &'static str,
    started: Instant,
    status: u16,
}

impl Metrics {
    /// A request to `route` begins.
    pub(crate) fn begin(&self, route: &'static str) -> Asking<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Asking { metrics: self, route, started: Instant::now(), status: CLIENT_GONE }
    }

    /// An index was opened, or could not be.
    pub(crate) fn index_opened(&self, is_open: bool) {
        let counter = if is_open { &self.indexes_opened } else { &self.indexes_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A text left the embedding queue.
    pub(crate) fn text(&self, what: Embedded) {
        self.texts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The embedding thread took what was waiting.
    pub(crate) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it as text. `queued`: texts that wait to be embedded.
    pub(crate) fn render(&self, index: Option<&Manifest>, queued: usize) -> String {
        let mut text = String::new();
        self.render_requests(&mut text);
        let in_flight = self.in_flight.load(Ordering::Relaxed).to_string();
        single(&mut text, "http_requests_in_flight", "gauge", "Requests being answered.", &in_flight);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
        let name = "similar_jobs_index_opened_total";
        head(&mut text, name, "counter", "Indexes that were opened, or could not be.");
        sample(&mut text, name, &[("result", "ok")], &count(&self.indexes_opened));
        sample(&mut text, name, &[("result", "failed")], &count(&self.indexes_failed));
        if let Some(index) = index {
            let name = "similar_jobs_index_info";
            head(&mut text, name, "gauge", "The index that is served.");
            let labels = [("version", index.version.as_str()), ("model_version", &index.model_version)];
            sample(&mut text, name, &labels, "1");
            let rows = index.rows.to_string();
            single(&mut text, "similar_jobs_index_rows", "gauge", "Ads in the index.", &rows);
        }
        let queued = queued.to_string();
        single(&mut text, "similar_jobs_embed_queue", "gauge", "Texts that wait to be embedded.", &queued);
        let name = "similar_jobs_embed_texts_total";
        head(&mut text, name, "counter", "Texts that left the embedding queue.");
        for (result, counter) in ["embedded", "failed", "dropped"].into_iter().zip(&self.texts) {
            sample(&mut text, name, &[("result", result)], &count(counter));
        }
        let turns = count(&self.turns);
        let name = "similar_jobs_embed_turns_total";
        single(&mut text, name, "counter", "Times that the embedding thread took what was waiting.", &turns);
        text
    }

    fn render_requests(&self, text: &mut String) {
        let requests = self.requests().clone();
        let total = "http_requests_total";
        head(text, total, "counter", "Requests by route and status; 499: the client went away.");
        for ((route, status), latencies) in &requests {
            let labels = [("route", *route), ("status", &status.to_string())];
            sample(text, total, &labels, &latencies.counts.iter().sum::<u64>().to_string());
        }
        let name = "http_request_duration_seconds";
        head(text, name, "histogram", "Time from the head of a request to its answer.");
        for ((route, status), latencies) in &requests {
            let labels = [("route", *route), ("status", &status.to_string())];
            let bounds = BUCKETS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
            let mut count = 0;
            for (bound, here) in bounds.zip(latencies.counts) {
                count += here;
                let labels = [labels[0], labels[1], ("le", bound)];
                sample(text, &format!("{name}_bucket"), &labels, &count.to_string());
            }
            sample(text, &format!("{name}_sum"), &labels, &latencies.sum.as_secs_f64().to_string());
            sample(text, &format!("{name}_count"), &labels, &count.to_string());
        }
    }

    fn requests(&self) -> MutexGuard<'_, BTreeMap<(&'static str, u16), Latencies>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    /// It is answered.
    pub(crate) fn answered(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
        let took = self.started.elapsed();
        let bucket = BUCKETS.iter().position(|(bound, _)| took.as_secs_f64() <= *bound);
        let mut requests = self.metrics.requests();
        let latencies = requests.entry((self.route, self.status)).or_default();
        latencies.counts[bucket.unwrap_or(BUCKETS.len())] += 1;
        latencies.sum += took;
    }
}

// Writing to a string cannot fail.
fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(text: &mut String, name: &str, kind: &str, help: &str, value: &str) {
    head(text, name, kind, help);
    sample(text, name, &[], value);
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: &str) {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(text, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests;
