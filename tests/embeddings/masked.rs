//! Vectors of texts with stated pay masked: `job_embeddings_masked`.

use std::time::Duration;

use common::job::{ContentHash, embedding_text};
use common::mask::mask_pay;
use serde_json::{Value, json};

use crate::support::{Market, Running, ad};

fn cook(id: &str, description: &str, seen: u32) -> Value {
    ad(id, json!("Cook"), json!(description), seen)
}

/// Ads that state pay, and those embedded, shared, refreshed, unchanged, failed and removed.
fn counts(report: &Value) -> [u64; 7] {
    ["ads", "embedded", "shared", "refreshed", "unchanged", "failed", "removed"]
        .map(|name| report["masked"][name].as_u64().unwrap())
}

/// Asserts that exactly these ads have a masked vector: a unit vector of their current text.
fn assert_masked(market: &Market, ids: &[&str]) {
    let sql = "SELECT count(*) FROM job_embeddings_masked \
               WHERE abs(array_inner_product(embedding, embedding) - 1) < 1e-3";
    assert_eq!(market.count(sql), i64::try_from(ids.len()).unwrap());
    for id in ids {
        let masked = format!("SELECT count(*) FROM job_embeddings_masked WHERE job_id = '{id}'");
        assert_eq!(market.count(&masked), 1, "{id}");
    }
}

#[test]
fn only_ads_that_state_pay_have_a_masked_vector() {
    let market = Market::empty();
    market.load(&[
        cook("1", "Fries. Pays $3,000 a month.", 0),
        cook("2", "Fries. Pays $4,500 a month.", 0),
        cook("3", "Fries since 2019.", 0),
        cook("4", "Bakes for 15/hr.", 0),
        // What the others become.
        cook("5", "Fries. Pays paymasked a month.", 0),
        ad("6", json!(""), json!(""), 0),
    ]);
    let report = market.embedded(&[]);
    assert_eq!(counts(&report), [3, 2, 1, 0, 0, 0, 0], "{report}");
    assert_masked(&market, &["1", "2", "4"]);
    let text = embedding_text(Some("Cook"), Some("Bakes for 15/hr.")).unwrap();
    let hash = ContentHash::of(&mask_pay(&text));
    let sql =
        format!("SELECT count(*) FROM job_embeddings_masked WHERE job_id = '4' AND content_hash = '{hash}'");
    assert_eq!(market.count(&sql), 1);
    let same = "SELECT count(*) FROM job_embeddings_masked AS masked, job_embeddings AS plain \
                WHERE masked.job_id IN ('1', '2') AND plain.job_id = '5' AND masked.embedding = plain.embedding";
    assert_eq!(market.count(same), 2);
    market.assert_current(5);
    let shown = "SELECT count(embedding_masked) * 100 + count(embedding) * 10 + count(*) FROM vw_ml_features";
    assert_eq!(market.count(shown), 356);

    // A run without changes writes nothing.
    let newest = "SELECT epoch_us(max(created_at)) FROM job_embeddings_masked";
    let before = market.count(newest);
    assert_eq!(counts(&market.embedded(&[])), [3, 0, 0, 0, 3, 0, 0]);
    assert_eq!(market.count(newest), before);
    let dry = market.embedded(&["--dry-run"]);
    assert_eq!(dry["dry_run"]["masked_to_embed"], 0);
    assert_eq!(counts(&market.embedded(&["--force"])), [3, 2, 1, 0, 0, 0, 0]);
    assert!(market.count(newest) > before);
}

#[test]
fn a_masked_vector_follows_its_ad() {
    let market = Market::empty();
    market.load(&["1", "2", "3"].map(|id| cook(id, &format!("Fries {id}. Salary: 2500."), 0)));
    assert_eq!(market.embedded(&["--dry-run"])["dry_run"]["masked_to_embed"], 3);
    assert_eq!(counts(&market.embedded(&[])), [3, 3, 0, 0, 0, 0, 0]);
    // The amount alone changes: the masked text and its vector stay.
    let mut moved = cook("3", "Fries 3. Salary: 2600.", 1);
    market.load(&[cook("2", "Fries 2. Salary: 2600.", 1)]);
    let report = market.embedded(&[]);
    assert_eq!((&report["embedded"], counts(&report)), (&json!(1), [3, 0, 0, 0, 3, 0, 0]));
    moved["job_location"] = json!("Bedok");
    market.load(&[moved]);
    assert_eq!(counts(&market.embedded(&[])), [3, 0, 0, 1, 2, 0, 0]);
    // One ad no longer states pay, another one is gone.
    market.load(&[cook("1", "Fries 1.", 2)]);
    market.execute("DELETE FROM cleaned_jobs WHERE job_id = '2'");
    assert_eq!(counts(&market.embedded(&[])), [1, 0, 0, 0, 1, 0, 2]);
    assert_masked(&market, &["3"]);
    market.assert_current(2);
}

#[test]
fn a_takedown_removes_the_masked_vector() {
    let market = Market::empty();
    let ads = ["1", "2"].map(|id| cook(id, &format!("Fries {id} for £9 an hour."), 0));
    market.load(&ads);
    market.embedded(&[]);
    let ended = Running::start(market.command("jobctl").args(["forget", "MCF", "1"])).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("job_embeddings_masked     1\n"), "{}", ended.stdout);
    assert_masked(&market, &["2"]);
    // Another program writes the ad and its vector again.
    market.execute(
        "INSERT INTO cleaned_jobs BY NAME SELECT * REPLACE ('1' AS job_id) FROM cleaned_jobs WHERE job_id = '2'; \
         INSERT INTO job_embeddings_masked BY NAME SELECT * REPLACE ('1' AS job_id) FROM job_embeddings_masked",
    );
    assert_eq!(market.count("SELECT count(*) FROM vw_ml_features WHERE job_id = '1'"), 0);
    assert_eq!(counts(&market.embedded(&[])), [1, 0, 0, 0, 1, 0, 1]);
    assert_masked(&market, &["2"]);
}

#[test]
fn a_killed_or_limited_run_is_completed_by_the_next() {
    const ADS: usize = 600;
    let market = Market::empty();
    let ads: Vec<Value> =
        (0..ADS).map(|n| ad(&n.to_string(), json!(format!("Cook {n} at $5,{n:03}")), json!(""), 0)).collect();
    market.load(&ads);
    // The limit counts both kinds of vectors.
    let report = market.embedded(&["--limit", &(ADS + 50).to_string()]);
    assert_eq!((&report["embedded"], &report["limit_reached"]), (&json!(ADS), &json!(true)), "{report}");
    assert_eq!(counts(&report)[..2], [50, 50]);
    for round in 0..4 {
        let run = Running::start(market.command("embed-new-jobs").env("DEVICE", "cpu").arg("--once"));
        std::thread::sleep(Duration::from_millis(400 + 500 * round));
        drop(run); // kill -9
        assert!(market.count("SELECT count(*) FROM job_embeddings_masked") >= 50);
    }
    let report = market.embedded(&[]);
    assert_eq!((counts(&report)[0], counts(&report)[5]), (ADS as u64, 0), "{report}");
    let ids: Vec<String> = (0..ADS).map(|n| n.to_string()).collect();
    assert_masked(&market, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    market.assert_current(ADS);
    assert_eq!(counts(&market.embedded(&[])), [ADS as u64, 0, 0, 0, ADS as u64, 0, 0]);
}
