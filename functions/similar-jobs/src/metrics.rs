//! The metrics of the process, exposed at `/metrics` in the text format of `OpenMetrics`.

use std::time::Instant;

use common::index::Manifest;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::answer::model_versions;

/// The media type of [`Metrics::render`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency histogram's buckets, in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Status under which a request is counted if its client disconnects before the response.
const CLIENT_GONE: u16 = 499;

/// Outcome of a text in the embedding queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embedded {
    Done,
    Failed,
    /// Its request ended while it waited.
    Dropped,
}

/// Counters, gauges and histograms of the process.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests_in_flight: Gauge,
    requests: Family<RequestLabels, Counter>,
    request_durations: Family<RequestLabels, Histogram>,
    index_opened: Family<ResultLabel, Counter>,
    embed_texts: Family<ResultLabel, Counter>,
    embed_turns: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IndexLabels {
    version: String,
    model_version: String,
}

/// Counts a request and its duration when dropped.
pub(crate) struct RequestTimer<'a> {
    metrics: &'a Metrics,
    route: &'static str,
    started: Instant,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            requests_in_flight: Gauge::default(),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            index_opened: Family::default(),
            embed_texts: Family::default(),
            embed_turns: Counter::default(),
        };
        // Each counter exists from the start with value 0, so that its first increment is visible.
        for result in [true, false].map(opened) {
            drop(metrics.index_opened.get_or_create(&result));
        }
        for result in [Embedded::Done, Embedded::Failed, Embedded::Dropped].map(embedded) {
            drop(metrics.embed_texts.get_or_create(&result));
        }
        metrics
    }
}

fn opened(is_open: bool) -> ResultLabel {
    ResultLabel { result: if is_open { "ok" } else { "failed" } }
}

fn embedded(outcome: Embedded) -> ResultLabel {
    let result = match outcome {
        Embedded::Done => "embedded",
        Embedded::Failed => "failed",
        Embedded::Dropped => "dropped",
    };
    ResultLabel { result }
}

impl Metrics {
    /// Starts timing a request to `route`.
    pub(crate) fn start_request(&self, route: &'static str) -> RequestTimer<'_> {
        self.requests_in_flight.inc();
        RequestTimer { metrics: self, route, started: Instant::now(), status: CLIENT_GONE }
    }

    /// Counts an index that was opened, or failed to open.
    pub(crate) fn index_opened(&self, is_open: bool) {
        self.index_opened.get_or_create(&opened(is_open)).inc();
    }

    /// Counts a text that left the embedding queue.
    pub(crate) fn text(&self, outcome: Embedded) {
        self.embed_texts.get_or_create(&embedded(outcome)).inc();
    }

    /// Counts a turn of the embedding thread: a call for the texts that were waiting.
    pub(crate) fn turn(&self) {
        self.embed_turns.inc();
    }

    /// Renders all metrics, with those of the served `index` and the number of texts in the embedding queue.
    pub(crate) fn render(&self, index: Option<&Manifest>, queued: usize) -> String {
        let mut registry = Registry::default();
        self.register(&mut registry);
        let queue: Gauge = Gauge::default();
        queue.set(i64::try_from(queued).unwrap_or(i64::MAX));
        registry.register("similar_jobs_embed_queue", "Texts that wait to be embedded", queue);
        if let Some(index) = index {
            register_index(index, &mut registry);
        }
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &registry);
        out
    }

    /// Registers the counting metrics. The registry adds a full stop to help texts and `_total` to counters.
    fn register(&self, registry: &mut Registry) {
        let help = "Requests by route and status; 499: the client went away";
        registry.register("http_requests", help, self.requests.clone());
        let help = "Time from the head of a request to its answer";
        registry.register("http_request_duration_seconds", help, self.request_durations.clone());
        let help = "Requests being answered";
        registry.register("http_requests_in_flight", help, self.requests_in_flight.clone());
        let help = "Indexes that were opened, or failed to open";
        registry.register("similar_jobs_index_opened", help, self.index_opened.clone());
        let help = "Texts that left the embedding queue";
        registry.register("similar_jobs_embed_texts", help, self.embed_texts.clone());
        let help = "Times that the embedding thread took the waiting texts";
        registry.register("similar_jobs_embed_turns", help, self.embed_turns.clone());
    }
}

fn register_index(index: &Manifest, registry: &mut Registry) {
    let labels =
        IndexLabels { version: escaped(&index.version), model_version: escaped(&model_versions(index)) };
    let info = Family::<IndexLabels, Gauge>::default();
    info.get_or_create(&labels).set(1);
    registry.register("similar_jobs_index_info", "The index that is served", info);
    let rows: Gauge = Gauge::default();
    rows.set(i64::try_from(index.rows).unwrap_or(i64::MAX));
    registry.register("similar_jobs_index_rows", "Ads in the index", rows);
}

/// Escapes a label's value; the library does not.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl RequestTimer<'_> {
    /// Sets the response's status.
    pub(crate) fn answered(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for RequestTimer<'_> {
    fn drop(&mut self) {
        self.metrics.requests_in_flight.dec();
        let labels = RequestLabels { route: self.route, status: self.status };
        self.metrics.requests.get_or_create(&labels).inc();
        self.metrics.request_durations.get_or_create(&labels).observe(self.started.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
