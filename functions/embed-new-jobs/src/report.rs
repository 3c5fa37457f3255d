//! The report of a run.

use common::job::{JobKey, Shard};
use common::pay::Unread;
use common::storage::warehouse::QueryCost;
use common::{Error, Result};
use serde::Serialize;

/// The maximum number of failures in a report; further ones are only counted.
const MAX_FAILURES: usize = 20;

/// The report of one run.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    /// Ads in the shard of this run.
    pub(crate) ads: u64,
    /// Ads that were embedded.
    pub(crate) embedded: u64,
    /// Ads that reused the existing vector of an ad with the same text.
    pub(crate) shared: u64,
    /// Ads with an unchanged text whose other columns were updated.
    pub(crate) refreshed: u64,
    /// Ads that already had a current embedding.
    pub(crate) unchanged: u64,
    /// Sightings that are ignored because `source` or `job_id` is missing.
    pub(crate) nameless_sightings: u64,
    /// Sightings with a timestamp outside the years 1 to 9999, which counts as missing.
    pub(crate) timestamps_out_of_range: u64,
    /// Ads that are ignored because they were taken down, although the table contains sightings of them again.
    pub(crate) forgotten: u64,
    /// Ads without text.
    pub(crate) skipped: u64,
    /// Ads whose pay cannot be compared by filters; they are included in the other counts.
    pub(crate) unread_pay: Unread,
    /// Ads without a vector, because the model recognizes no token of their text.
    pub(crate) unreadable: u64,
    /// Ads that could not be embedded.
    pub(crate) failed: u64,
    /// Deleted rows of ads that no longer exist or no longer have text.
    pub(crate) removed: u64,
    /// The vectors of texts with stated pay masked.
    pub(crate) masked: Masked,
    /// The first failures, with their errors.
    pub(crate) failures: Vec<Failure>,
    /// Whether the run was stopped before it had processed all ads.
    pub(crate) interrupted: bool,
    /// Whether the run stopped at its limit.
    pub(crate) limit_reached: bool,
    pub(crate) seconds: f64,
    pub(crate) ads_per_second: f64,
    /// The CPU time of tokenization and inference, summed over all threads.
    pub(crate) cpu_seconds_inference: f64,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) table: String,
    pub(crate) embedding_space: String,
    pub(crate) model_version: String,
    pub(crate) shard: Option<Shard>,
    pub(crate) statistics: Option<Summary>,
    /// The estimate of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dry_run: Option<Estimate>,
}

/// What a run did for the ads whose text states pay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The counts are those of `Report`.
pub(crate) struct Masked {
    /// Ads whose text states pay.
    pub(crate) ads: u64,
    pub(crate) embedded: u64,
    pub(crate) shared: u64,
    pub(crate) refreshed: u64,
    pub(crate) unchanged: u64,
    pub(crate) unreadable: u64,
    pub(crate) failed: u64,
    /// Deleted rows of ads that no longer exist or no longer state pay.
    pub(crate) removed: u64,
}

/// The work that a dry run found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Estimate {
    pub(crate) ads_to_embed: u64,
    pub(crate) ads_to_share: u64,
    pub(crate) ads_to_refresh: u64,
    /// Ads that state pay, whose text is also embedded with the pay masked.
    pub(crate) masked_to_embed: u64,
    /// Extrapolated from a sample of the ads to embed.
    pub(crate) estimated_seconds: f64,
    pub(crate) sampled_ads: usize,
    /// The bytes that each kind of query would read, if the warehouse charges for them.
    pub(crate) queries: Vec<QueryCost>,
    /// The price of running each of these queries once, at the on-demand list price of BigQuery.
    pub(crate) estimated_query_usd: f64,
}

/// The on-demand price per TiB in the US multi-region; other regions cost up to twice as much.
/// <https://cloud.google.com/bigquery/pricing>
const USD_PER_TIB: f64 = 6.25;

/// The minimum that BigQuery bills per query.
const MIN_BYTES_BILLED: u64 = 10 << 20;

impl Estimate {
    /// Sets [`Estimate::estimated_query_usd`].
    pub(crate) fn price_queries(&mut self) {
        let bytes: u64 = self.queries.iter().map(|query| query.bytes_processed.max(MIN_BYTES_BILLED)).sum();
        self.estimated_query_usd = bytes as f64 / f64::from(1 << 20).powi(2) * USD_PER_TIB;
    }
}

/// An ad that could not be embedded.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    #[serde(flatten)]
    key: JobKey,
    error: String,
}

impl common::runtime::Report for Report {
    fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}

impl Report {
    /// Counts a failure, and adds it to the report if it is among the first.
    pub(crate) fn fail(&mut self, key: &JobKey, error: &str) {
        self.failed += 1;
        tracing::warn!(ad = %key, error, "ad not embedded");
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(Failure { key: key.clone(), error: error.to_owned() });
        }
    }

    /// Adds the report of the pass over the ads that state pay.
    pub(crate) fn add_masked(&mut self, masked: Self) {
        let Self { embedded, shared, refreshed, unchanged, unreadable, failed, removed, .. } = masked;
        let ads = embedded + shared + refreshed + unchanged + unreadable + failed;
        self.masked = Masked { ads, embedded, shared, refreshed, unchanged, unreadable, failed, removed };
        let room = MAX_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(masked.failures.into_iter().take(room));
        self.interrupted |= masked.interrupted;
        self.limit_reached |= masked.limit_reached;
        self.cpu_seconds_inference += masked.cpu_seconds_inference;
    }

    /// Fails if every ad that needed a vector failed, because the cause is then not a single ad.
    pub(crate) fn refuse_total_failure(&self) -> Result<()> {
        let done = self.embedded + self.shared + self.refreshed + self.unchanged;
        match self.failures.first() {
            Some(first) if done == 0 => {
                let (count, error) = (self.failed, &first.error);
                Err(Error::internal(format!("none of {count} ads could be embedded; the first: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Fails if the counts of a complete run do not add up to the number of ads.
    pub(crate) fn refuse_lost_ads(&self) -> Result<()> {
        let Self { ads, embedded, shared, refreshed, unchanged, skipped, unreadable, failed, .. } = self;
        if embedded + shared + refreshed + unchanged + skipped + unreadable + failed == *ads {
            return Ok(());
        }
        Err(Error::internal(format!(
            "the counts of this run do not add up: of {ads} ads {embedded} are embedded, {shared} shared, \
             {refreshed} refreshed, {unchanged} unchanged, {skipped} skipped, {unreadable} unreadable, {failed} failed"
        )))
    }

    /// Sets the time, the speed and the memory of the run.
    pub(crate) fn measure(&mut self, seconds: f64) {
        self.seconds = seconds;
        let done = self.embedded + self.shared + self.masked.embedded + self.masked.shared;
        self.ads_per_second = done as f64 / seconds.max(1e-9);
        self.peak_memory_bytes = peak_memory_bytes();
    }
}

/// Incremental statistics over all elements of all new vectors.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    vectors: u64,
    elements: u64,
    nan: u64,
    sum: f64,
    range: (f32, f32),
    norms: (f32, f32),
}

/// Statistics of the new vectors of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    count: u64,
    min: f32,
    max: f32,
    mean: f64,
    norm_min: f32,
    norm_max: f32,
    nan_count: u64,
}

impl Default for Statistics {
    fn default() -> Self {
        let empty = (f32::INFINITY, f32::NEG_INFINITY);
        Self { vectors: 0, elements: 0, nan: 0, sum: 0.0, range: empty, norms: empty }
    }
}

impl Statistics {
    /// Adds a vector.
    pub(crate) fn add(&mut self, vector: &[f32]) {
        let widen = |(low, high): (f32, f32), x: f32| (low.min(x), high.max(x));
        self.vectors += 1;
        self.elements += vector.len() as u64;
        let mut squares = 0.0;
        for &x in vector {
            self.nan += u64::from(x.is_nan());
            self.sum += f64::from(x);
            self.range = widen(self.range, x);
            squares += x * x;
        }
        self.norms = widen(self.norms, squares.sqrt());
    }

    /// The summary, or `None` if no vector was added.
    pub(crate) fn summary(&self) -> Option<Summary> {
        (self.vectors > 0).then(|| Summary {
            count: self.vectors,
            min: self.range.0,
            max: self.range.1,
            mean: self.sum / self.elements as f64,
            norm_min: self.norms.0,
            norm_max: self.norms.1,
            nan_count: self.nan,
        })
    }
}

/// The peak memory of the process, or 0 if the system does not report it.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_include_all_elements() {
        let mut statistics = Statistics::default();
        assert!(statistics.summary().is_none());
        statistics.add(&[0.6, -0.8]);
        statistics.add(&[f32::NAN, 0.0]);
        let summary = statistics.summary().unwrap();
        assert_eq!((summary.count, summary.nan_count), (2, 1));
        assert!((summary.norm_min - 1.0).abs() < 1e-6);
        assert!((summary.min + 0.8).abs() < 1e-6);
    }

    #[test]
    fn counts_that_do_not_add_up_are_an_error() {
        let whole = Report { ads: 7, embedded: 1, shared: 1, refreshed: 1, ..Report::default() };
        let whole = Report { unchanged: 1, skipped: 1, unreadable: 1, failed: 1, ..whole };
        assert!(whole.refuse_lost_ads().is_ok());
        let error = Report { ads: 8, ..whole }.refuse_lost_ads().unwrap_err();
        assert_eq!(error.kind(), common::ErrorKind::Internal);
        assert!(error.to_string().contains("of 8 ads 1 are embedded"), "{error}");
    }

    #[test]
    fn peak_memory_is_read_from_the_system() {
        assert!(peak_memory_bytes() > 1 << 20);
    }
}
