//! `batch-predict` on a market with champions of every kind.

mod champions;
mod daily;
mod selection;
mod service;

use serde_json::{Value, json};

use crate::support::{Ended, Market};

/// Ads of the market.
const ADS: u32 = 300;
/// Those that have a text: one is empty.
const WITH_TEXT: u32 = 299;

impl Market {
    /// Runs `batch-predict` once.
    fn predict(&self, arguments: &[&str]) -> Ended {
        self.run("batch-predict", &[&["--once"], arguments].concat())
    }

    /// Runs `batch-predict`, which must succeed, and returns the report.
    fn predicted(&self, arguments: &[&str]) -> Value {
        let ended = self.predict(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.answer()["report"].clone()
    }

    /// Runs `batch-predict`, which must fail with this exit code and with words in its error.
    fn unpredicted(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let ended = self.predict(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {ended:?}");
        let error = ended.stderr.lines().last().unwrap_or_default();
        assert!(words.iter().all(|word| error.contains(word)), "{arguments:?}: {words:?} not in {error}");
    }
}

/// Ads with a vector that do not have exactly one current prediction of their text by the champions v1.
const NOT_ONCE: &str = "SELECT count(*) FROM job_embeddings AS stored WHERE (\
     SELECT count(*) FROM vw_predictions_latest AS latest \
     WHERE latest.source = stored.source AND latest.job_id = stored.job_id \
     AND latest.content_hash = stored.content_hash AND variant = 'champion' AND salary_model_version = 'v1' \
     AND role_model_version = 'v1' AND cluster_model_version = 'v1') <> 1";

#[test]
fn every_ad_has_one_prediction_and_a_second_run_writes_none() {
    let market = Market::with_models(ADS);
    let dry = market.predicted(&["--dry-run"]);
    assert_eq!(
        (&dry["outcome"], &dry["selected"], &dry["predicted"]),
        (&json!("would_predict"), &json!(WITH_TEXT), &json!(0))
    );
    assert_eq!(market.count("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'ml_predictions'"), 0);

    let first = market.predicted(&[]);
    assert_eq!(first["outcome"], "predicted", "{first}");
    for counted in ["selected", "predicted", "written"] {
        assert_eq!(first[counted], WITH_TEXT, "{counted}: {first}");
    }
    assert_eq!(first["champions"], json!(["salary_predictor/v1", "role_classifier/v1", "clustering/v1"]));
    assert_eq!(market.count("SELECT count(*) FROM ml_predictions"), i64::from(WITH_TEXT));
    assert_eq!(market.count(NOT_ONCE), 0);
    let whole = "SELECT count(*) FROM vw_predictions_latest WHERE salary_low < predicted_salary \
                 AND predicted_salary < salary_high AND salary_confidence BETWEEN 0 AND 1 AND currency = 'SGD' \
                 AND classification_probability BETWEEN 0 AND 1 AND predicted_classification <> '' \
                 AND predicted_cluster >= 0 AND cluster_name <> ''";
    assert_eq!(market.count(whole), i64::from(WITH_TEXT));

    let second = market.predicted(&[]);
    assert_eq!((&second["outcome"], &second["selected"]), (&json!("unchanged"), &json!(0)), "{second}");
    assert_eq!(market.count("SELECT count(*) FROM ml_predictions"), i64::from(WITH_TEXT));
    let runs = "SELECT count(*) FROM vw_runs WHERE function = 'batch-predict' AND status = 'succeeded'";
    assert_eq!(market.count(runs), 2);
}

#[test]
fn tasks_predict_their_shards_and_the_values_do_not_depend_on_the_other_ads() {
    let market = Market::with_models(ADS);
    let mut predicted = 0;
    for index in 0..3 {
        let mut task = market.command("batch-predict");
        task.envs([
            ("CLOUD_RUN_JOB", "predict"),
            ("CLOUD_RUN_EXECUTION", "monday"),
            ("CLOUD_RUN_TASK_COUNT", "3"),
            ("CLOUD_RUN_TASK_INDEX", &index.to_string()),
        ]);
        let ended = crate::support::Running::start(&mut task).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        predicted += ended.answer()["report"]["predicted"].as_u64().unwrap();
    }
    assert_eq!(predicted, u64::from(WITH_TEXT));
    assert_eq!(market.count(NOT_ONCE), 0);
    market.execute("CREATE TABLE kept AS SELECT * FROM ml_predictions");
    // Each ad alone, in another process with other threads.
    let few = market.predicted(&["--all", "--limit", "7", "--threads", "1"]);
    assert_eq!((&few["predicted"], &few["limit_reached"]), (&json!(7), &json!(true)), "{few}");
    let whole = market.predicted(&["--all"]);
    assert_eq!(whole["written"], WITH_TEXT);
    let differences = "SELECT count(*) FROM (\
         SELECT * EXCLUDE predicted_at FROM ml_predictions EXCEPT SELECT * EXCLUDE predicted_at FROM kept)";
    assert_eq!(market.count(differences), 0);
    assert_eq!(market.count("SELECT count(*) FROM ml_predictions"), i64::from(WITH_TEXT));
}

#[test]
fn an_ad_that_was_taken_down_has_no_prediction() {
    let market = Market::with_models(ADS);
    market.predicted(&[]);
    let key = |sql: &str| {
        let connection = duckdb::Connection::open(market.file()).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    let source = key("SELECT source FROM job_embeddings ORDER BY job_id LIMIT 1");
    let id = key("SELECT job_id FROM job_embeddings ORDER BY job_id LIMIT 1");
    let forgotten = market.run("jobctl", &["forget", &source, &id]);
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    let left = format!("SELECT count(*) FROM ml_predictions WHERE job_id = '{id}'");
    assert_eq!(market.count(&left), 0);
    let again = market.predicted(&["--all"]);
    assert_eq!(again["predicted"], WITH_TEXT - 1, "{again}");
    assert_eq!(market.count(&left), 0);
    market.unpredicted(&["--job-ids", &id], 1, &["no ad in cleaned_jobs has this id"]);
}
