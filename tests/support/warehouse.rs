//! Direct access to a market's DuckDB file, including contents that the bundle's programs would not write.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use common::job::{ContentHash, embedding_text};
use serde_json::{Value, json};

use super::{Ended, Market, Running};

/// Vectors by job id.
pub(crate) type Vectors = BTreeMap<String, Vec<f32>>;

impl Market {
    /// The warehouse file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("jobs.duckdb")
    }

    /// Size of the warehouse file and its write-ahead log.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |facts| facts.len());
        size(self.file()) + size(self.file().with_extension("duckdb.wal"))
    }

    /// Loads ads, each a JSON object of columns.
    pub(crate) fn load(&self, ads: &[Value]) {
        let path = self.folder.path().join("ads.ndjson");
        let mut file = std::fs::File::create(&path).expect("a file of ads");
        for ad in ads {
            writeln!(file, "{ad}").expect("a line");
        }
        let ended = Running::start(self.command("jobctl").arg("load").arg(&path)).end();
        assert_eq!(ended.code, Some(0), "jobctl load: {}", ended.stderr);
    }

    /// Runs `embed-new-jobs --once` and waits for its end.
    pub(crate) fn embed(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command("embed-new-jobs").env("DEVICE", "cpu").arg("--once").args(arguments))
            .end()
    }

    /// Runs `embed-new-jobs`, which must succeed, and returns the report.
    pub(crate) fn embedded(&self, arguments: &[&str]) -> Value {
        let ended = self.embed(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.answer()["report"].clone()
    }

    /// Executes SQL statements on the file.
    pub(crate) fn execute(&self, sql: &str) {
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
        connection.execute_batch(sql).expect(sql);
    }

    /// The integer that a query returns.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
        connection.query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    /// All vectors of the table of embeddings.
    pub(crate) fn vectors(&self) -> Vectors {
        Self::vectors_of(&self.file())
    }

    /// All vectors of the table of embeddings in another file.
    pub(crate) fn vectors_of(file: &Path) -> Vectors {
        let connection = duckdb::Connection::open(file).expect("the warehouse opens");
        let sql = "SELECT job_id, embedding::VARCHAR FROM job_embeddings";
        let mut statement = connection.prepare(sql).expect(sql);
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).expect(sql);
        rows.map(|row| {
            let (id, text) = row.expect("a row");
            let numbers = text.trim_matches(['[', ']']).split(", ");
            (id, numbers.map(|number| number.parse().expect("a number")).collect())
        })
        .collect()
    }

    /// Asserts that the table of embeddings has exactly `rows` rows, one per ad, each with a unit vector of the ad's
    /// current text.
    pub(crate) fn assert_current(&self, rows: usize) {
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
        let pairs = |sql: &str| -> Vec<(String, Option<String>, Option<String>)> {
            let mut statement = connection.prepare(sql).expect(sql);
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect(sql);
            rows.collect::<Result<_, _>>().expect(sql)
        };
        let latest = "SELECT source || '/' || job_id, job_title, job_description FROM cleaned_jobs \
                      WHERE source <> '' AND job_id <> '' QUALIFY \
                      row_number() OVER (PARTITION BY source, job_id ORDER BY scrape_timestamp DESC \
                      NULLS LAST, bq_timestamp DESC NULLS LAST, rowid DESC) = 1";
        let texts: BTreeMap<String, String> = pairs(latest)
            .into_iter()
            .filter_map(|(key, title, description)| {
                let text = embedding_text(title.as_deref(), description.as_deref())?;
                Some((key, ContentHash::of(&text).to_string()))
            })
            .collect();
        let stored = pairs(
            "SELECT source || '/' || job_id, content_hash, embedding_space FROM job_embeddings \
             WHERE abs(array_inner_product(embedding, embedding) - 1) < 1e-3",
        );
        assert_eq!(self.count("SELECT count(*) FROM job_embeddings"), i64::try_from(stored.len()).unwrap());
        assert_eq!(stored.len(), rows);
        let spaces: BTreeSet<_> = stored.iter().map(|(_, _, space)| space).collect();
        assert!(spaces.len() <= 1, "{spaces:?}");
        let keys: BTreeSet<_> = stored.iter().map(|(key, _, _)| key).collect();
        assert_eq!(keys.len(), rows, "an ad has several rows");
        for (key, hash, _) in &stored {
            assert_eq!(hash.as_ref(), texts.get(key), "{key} has the vector of another text");
        }
    }
}

/// The number of ads with text in a report, which is the number of rows after the run.
pub(crate) fn ads_with_text(report: &Value) -> usize {
    let ads = report["ads"].as_u64().unwrap() - report["skipped"].as_u64().unwrap();
    usize::try_from(ads).unwrap()
}

/// An ad with a title and a description, scraped at minute `seen` of a fixed hour.
#[allow(clippy::needless_pass_by_value)] // So that callers can write `json!(…)` in place.
pub(crate) fn ad(id: &str, title: Value, description: Value, seen: u32) -> Value {
    json!({
        "source": "MCF", "job_id": id, "scrape_timestamp": format!("2025-03-01T00:{seen:02}:00Z"),
        "job_title": title, "job_description": description,
    })
}
