//! Takedowns: rows are removed, and tombstones prevent their return.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use common_core::Result;
use common_core::job::{JobAd, JobKey};
use serde::Serialize;

/// The table of tombstones: one row for each ad that was taken down, with its key and the moment of the takedown.
pub const FORGOTTEN_ADS: &str = "forgotten_ads";

/// Rows that a takedown removed from one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// The table.
    pub table: String,
    /// Number of rows removed from it.
    pub rows: u64,
}

/// Rows and tombstones of the ads of a takedown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Rows of these ads per table with ad keys, except the table of tombstones.
    pub tables: Vec<Forgotten>,
    /// Keys of the ads found in these tables, exactly as stored.
    pub present: HashSet<JobKey>,
    /// Keys of the tombstones found, exactly as stored.
    pub forgotten: HashSet<JobKey>,
}

/// Removes ads permanently.
#[async_trait]
pub trait Takedowns: Send + Sync {
    /// Looks for the rows of `keys` in every table with ad keys; white space around a stored key is ignored. The
    /// engine searches; keys are passed as parameters.
    async fn trace(&self, keys: &[JobKey]) -> Result<Traces>;

    /// Takes the ads down: removes them from every table with ad keys, and writes a tombstone for each, also for
    /// ads that no table has. A tombstone keeps its ad out from then on. Returns the rows removed from each table.
    /// Repeating a call changes nothing; repeating an interrupted call completes it.
    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>>;

    /// All ads that were taken down.
    async fn tombstones(&self) -> Result<Vec<JobKey>>;

    /// Removes the tombstones of `keys`: their sightings may be appended again, and removed rows are not restored.
    /// Returns the keys that had a tombstone.
    async fn undo_forget(&self, keys: &[JobKey]) -> Result<HashSet<JobKey>>;
}

impl Traces {
    /// Adds the number of rows that a table has of each ad.
    #[cfg(any(feature = "duckdb", feature = "gcp"))]
    pub(crate) fn add(&mut self, table: &str, rows: Vec<(JobKey, u64)>) {
        if table == FORGOTTEN_ADS {
            self.forgotten.extend(rows.into_iter().map(|(key, _)| key));
            return;
        }
        let count = rows.iter().map(|(_, rows)| rows).sum();
        match self.tables.last_mut().filter(|last| last.table == table) {
            Some(last) => last.rows += count,
            None => self.tables.push(Forgotten { table: table.to_owned(), rows: count }),
        }
        self.present.extend(rows.into_iter().map(|(key, _)| key));
    }
}

/// The ads that were taken down, in memory: job ids by source.
#[derive(Debug, Default)]
pub struct Tombstones(HashMap<String, HashSet<String>>);

impl FromIterator<JobKey> for Tombstones {
    fn from_iter<I: IntoIterator<Item = JobKey>>(keys: I) -> Self {
        let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
        for JobKey { source, job_id } in keys {
            ids.entry(source).or_default().insert(job_id);
        }
        Self(ids)
    }
}

impl Tombstones {
    /// Removes the sightings of ads that were taken down; returns how many were removed. White space around a key
    /// is ignored.
    pub fn leave_out(&self, ads: &mut Vec<JobAd>) -> u64 {
        if self.0.is_empty() {
            return 0;
        }
        let before = ads.len();
        ads.retain(|ad| !self.has(&ad.source, &ad.job_id) && !self.has(ad.source.trim(), ad.job_id.trim()));
        (before - ads.len()) as u64
    }

    /// Removes the keys of ads that were taken down.
    #[cfg(any(feature = "duckdb", feature = "gcp"))]
    pub(crate) fn leave_out_keys<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> &JobKey) {
        if !self.0.is_empty() {
            rows.retain(|row| !self.has(&key(row).source, &key(row).job_id));
        }
    }

    fn has(&self, source: &str, job_id: &str) -> bool {
        self.0.get(source).is_some_and(|ids| ids.contains(job_id))
    }
}

#[cfg(all(test, any(feature = "duckdb", feature = "gcp")))]
mod tests {
    use super::*;

    #[test]
    fn sightings_of_forgotten_ads_are_left_out_by_source_and_id() {
        let key = |source: &str, job_id: &str| JobKey { source: source.into(), job_id: job_id.into() };
        let tombstones: Tombstones = [key("MCF", "1"), key("Lion", "2")].into_iter().collect();
        let ad = |source: &str, job_id: &str| JobAd {
            source: source.into(),
            job_id: job_id.into(),
            ..JobAd::default()
        };
        let mut ads =
            vec![ad("MCF", "1"), ad("MCF", "2"), ad("Lion", "1"), ad("Lion ", "\t2"), ad("mcf", "1")];
        assert_eq!(tombstones.leave_out(&mut ads), 2);
        let left: Vec<String> = ads.iter().map(|ad| ad.key().to_string()).collect();
        assert_eq!(left, ["MCF/2", "Lion/1", "mcf/1"]);
        assert_eq!(Tombstones::default().leave_out(&mut ads), 0);
    }
}
