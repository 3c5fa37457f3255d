//! The chain of a day: `jobctl daily`.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::{ADS, WITH_TEXT};
use crate::support::{Ended, Market, Running};

impl Market {
    fn day(&self, arguments: &[&str]) -> Ended {
        self.run("jobctl", &[&["daily"], arguments].concat())
    }
}

/// Steps with their status, as a chain printed them.
fn steps(ended: &Ended) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    lines.map(|line| (text(&line["step"]), text(&line["status"]))).collect()
}

fn named<const N: usize>(steps: [(&str, &str); N]) -> Vec<(String, String)> {
    steps.map(|(step, status)| (step.to_owned(), status.to_owned())).to_vec()
}

#[test]
fn a_day_embeds_trains_predicts_and_indexes_and_the_next_one_has_nothing_to_do() {
    let market = Market::titles(ADS);
    let first = market.day(&["--quick"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    let all = ["embed", "train", "predict", "index"].map(|step| (step, "succeeded"));
    assert_eq!(steps(&first), named(all));
    assert_eq!(market.count("SELECT count(*) FROM vw_predictions_latest"), i64::from(WITH_TEXT));

    let second = market.day(&[]);
    let expected =
        [("embed", "succeeded"), ("train", "skipped"), ("predict", "succeeded"), ("index", "succeeded")];
    assert_eq!(steps(&second), named(expected), "{second:?}");
    let lines: Vec<Value> = second.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["report"]["embedded"], 0);
    assert!(lines[1]["reason"].as_str().unwrap().starts_with("the next training is due at "), "{}", lines[1]);
    assert_eq!(
        (lines[2]["report"]["outcome"].as_str(), lines[3]["report"]["outcome"].as_str()),
        (Some("unchanged"), Some("unchanged"))
    );
}

#[test]
fn a_day_stops_at_the_step_that_fails_and_the_next_one_goes_on() {
    let market = Market::with_vectors(ADS);
    let stopped = market.day(&["--no-train"]);
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    assert_eq!(steps(&stopped), named([("embed", "succeeded"), ("train", "skipped"), ("predict", "failed")]));
    assert!(stopped.stderr.contains("no model is the champion: run train-models first"), "{stopped:?}");
    assert!(stopped.stderr.contains("step predict ended with status failed"), "{stopped:?}");
    let next = market.day(&["--quick"]);
    assert_eq!((next.code, steps(&next).len()), (Some(0), 4), "{next:?}");
}

/// What a day leaves, without times: rows of both tables.
fn left(market: &Market) -> Vec<String> {
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let rows = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    };
    let predictions =
        "SELECT (row(COLUMNS(* EXCLUDE predicted_at)))::VARCHAR FROM ml_predictions ORDER BY ALL";
    let embeddings = "SELECT (row(COLUMNS(* EXCLUDE created_at)))::VARCHAR FROM job_embeddings ORDER BY ALL";
    [rows(predictions), rows(embeddings)].concat()
}

/// `JOB_MARKET_DAY_SEEDS` is the number of kills (default 5).
#[tokio::test]
async fn killed_days_end_in_the_tables_and_the_index_of_an_undisturbed_one() {
    let seeds = std::env::var("JOB_MARKET_DAY_SEEDS").map_or(5, |text| text.parse().expect("a number"));
    // New ads, so that every step has work.
    let prepare = || {
        let market = Market::with_models(ADS);
        market.generate(2 * ADS, &["--titles-only"]);
        market
    };
    let undisturbed = prepare();
    let ended = undisturbed.day(&["--no-train"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let expected = left(&undisturbed);
    assert!(expected.len() > 2 * WITH_TEXT as usize);
    let market = prepare();
    for seed in 0..seeds {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut command = market.command("jobctl");
        // The chain and the program of its step are killed together, as on a machine that stops.
        command.args(["daily", "--no-train"]).process_group(0);
        let chain = Running::start(&mut command);
        std::thread::sleep(Duration::from_millis(random.random_range(100..4000)));
        chain.kill_group();
        // As if its lease had expired, which takes a minute.
        market.artifacts().delete("runs/daily/lease.json").await.unwrap();
    }
    let ended = market.day(&["--no-train"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(left(&market).len(), expected.len());
    assert!(left(&market) == expected, "rows differ");
    let served = |market: &Market| {
        market.run("build-vector-index", &["--once", "--dry-run"]).answer()["report"]["index"]["texts"]
            .clone()
    };
    assert_eq!(served(&market), served(&undisturbed));
}
