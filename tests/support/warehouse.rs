//! Looking into a market's warehouse from outside, and putting into it what no program of the bundle would.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Ended, Market, Running};

/// Vectors by job id.
pub(crate) type Vectors = BTreeMap<String, Vec<f32>>;

impl Market {
    /// The warehouse's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("jobs.duckdb")
    }

    /// Loads ads, each a JSON object with the columns that matter to the test.
    pub(crate) fn load(&self, ads: &[Value]) {
        let path = self.folder.path().join("ads.ndjson");
        let mut file = std::fs::File::create(&path).expect("a file of ads");
        for ad in ads {
            writeln!(file, "{ad}").expect("a line");
        }
        let ended = Running::start(self.command("jobctl").arg("load").arg(&path)).end();
        assert_eq!(ended.code, Some(0), "jobctl load: {}", ended.stderr);
    }

    /// Runs `embed-new-jobs --once` to its end.
    pub(crate) fn embed(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command("embed-new-jobs").env("DEVICE", "cpu").arg("--once").args(arguments))
            .end()
    }

    /// The report of a run that must succeed.
    pub(crate) fn embedded(&self, arguments: &[&str]) -> Value {
        let ended = self.embed(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.answer()["report"].clone()
    }

    /// Runs statements on the file, as its owner could with DuckDB's own shell.
    pub(crate) fn execute(&self, sql: &str) {
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
        connection.execute_batch(sql).expect(sql);
    }

    /// One whole number.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
        connection.query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    /// Every vector of the table.
    pub(crate) fn vectors(&self) -> Vectors {
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
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

    /// Fails unless every ad with text has exactly one whole, current row and nothing else has any.
    pub(crate) fn assert_complete(&self, ads_with_text: i64) {
        let sql = "SELECT count(*), count(DISTINCT (source, job_id)), count(DISTINCT embedding_space) \
                   FROM job_embeddings WHERE abs(array_inner_product(embedding, embedding) - 1) < 1e-3";
        let connection = duckdb::Connection::open(self.file()).expect("the warehouse opens");
        let counts: (i64, i64, i64) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect(sql);
        drop(connection);
        assert_eq!(counts, (ads_with_text, ads_with_text, ads_with_text.min(1)));
        assert_eq!(self.count("SELECT count(*) FROM job_embeddings"), ads_with_text);
    }
}

/// An ad with a title and a description, seen at minute `seen` of a day.
#[allow(clippy::needless_pass_by_value)] // So that callers can write `json!(…)` in place.
pub(crate) fn ad(id: &str, title: Value, description: Value, seen: u32) -> Value {
    json!({
        "source": "MCF", "job_id": id, "scrape_timestamp": format!("2025-03-01T00:{seen:02}:00Z"),
        "job_title": title, "job_description": description,
    })
}
