//! Which ads a run predicts.

use serde_json::{Value, json};

use super::{ADS, WITH_TEXT};
use crate::support::{Market, ad};

/// Ids of the first ads.
fn ids(market: &Market, count: usize) -> Vec<String> {
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let mut statement =
        connection.prepare("SELECT DISTINCT job_id FROM job_embeddings ORDER BY job_id LIMIT ?").unwrap();
    let ids = statement.query_map([count], |row| row.get(0)).unwrap();
    ids.map(|id| id.unwrap()).collect()
}

#[test]
fn a_changed_text_is_predicted_again_and_the_older_row_stays() {
    let market = Market::with_models(ADS);
    market.predicted(&[]);
    let changed = ids(&market, 2);
    market.execute(&format!(
        "UPDATE cleaned_jobs SET job_title = 'Senior pastry chef' WHERE job_id IN ('{}')",
        changed.join("', '")
    ));
    // Without a new vector, the old text stays predicted.
    assert_eq!(market.predicted(&[])["outcome"], "unchanged");
    market.embedded(&[]);
    let again = market.predicted(&[]);
    assert_eq!(again["predicted"], 2, "{again}");
    assert_eq!(market.count("SELECT count(*) FROM ml_predictions"), i64::from(WITH_TEXT) + 2);
    assert_eq!(market.count("SELECT count(*) FROM vw_predictions_latest"), i64::from(WITH_TEXT));
    assert_eq!(market.count(super::NOT_ONCE), 0);
}

#[test]
fn ads_are_selected_by_id_by_time_or_all() {
    let market = Market::with_models(ADS);
    let some = ids(&market, 3);
    let few = market.predicted(&["--job-ids", &some.join(",")]);
    assert_eq!((&few["selected"], &few["predicted"]), (&json!(3), &json!(3)), "{few}");
    assert_eq!(market.predicted(&[])["predicted"], WITH_TEXT - 3);

    let none = market.predicted(&["--since", "2200-01-01"]);
    assert_eq!((&none["selected"], &none["predicted"]), (&json!(WITH_TEXT), &json!(0)), "{none}");
    let every = market.predicted(&["--since", "1999-12-31T23:00:00+08:00"]);
    assert_eq!(every["predicted"], WITH_TEXT, "{every}");

    market.unpredicted(
        &["--job-ids", "no-such-ad"],
        1,
        &["invalid --job-ids \"no-such-ad\"", "expected an id"],
    );
    market.unpredicted(&["--since", "yesterday"], 2, &["invalid --since \"yesterday\": expected a day"]);
    market.unpredicted(&["--all", "--job-ids", &some[0]], 2, &["--all and --job-ids select different ads"]);

    // The same id of two sources, and an ad that has no vector yet.
    let twin = json!({ "source": "TWIN", "job_id": some[0], "scrape_timestamp": "2025-03-01T00:00:00Z", "job_title": "Cook" });
    market.load(&[twin, ad("new", json!("Pilot"), Value::Null, 1)]);
    market.unpredicted(&["--job-ids", &some[0]], 2, &["and TWIN have this id: expected one of"]);
    market.unpredicted(
        &["--job-ids", "MCF/new"],
        1,
        &["1 of the 1 ads of --job-ids have no vector", "embed-new-jobs"],
    );
    let left_out = market.predicted(&[]);
    assert_eq!(
        (&left_out["outcome"], &left_out["ads"]["without_embedding"]),
        (&json!("unchanged"), &json!(3))
    );
    market.embedded(&[]);
    assert_eq!(market.predicted(&["--job-ids", "MCF/new"])["predicted"], 1);
    assert_eq!(market.predicted(&[])["predicted"], 1, "the twin");
}

#[test]
fn an_ad_without_text_attributes_or_in_another_currency_is_predicted() {
    let market = Market::with_models(ADS);
    let with = |id: &str, columns: Value| {
        let mut ad = ad(id, json!("Head chef"), Value::Null, 1);
        ad.as_object_mut().unwrap().extend(columns.as_object().unwrap().clone());
        ad
    };
    market.load(&[
        ad("untitled", Value::Null, json!("Cooks for a hotel"), 1),
        ad("textless", Value::Null, Value::Null, 1),
        with("pounds", json!({ "job_currency": "£" })),
        with(
            "unknown",
            json!({
                "job_classification": "Space tourism", "company_name": "Never seen", "job_location": "Mars",
                "job_work_type": "on call", "job_posted_timestamp": "2190-01-01T00:00:00Z",
            }),
        ),
        with("paid", json!({ "job_description": "Pay is $5,000 a month" })),
    ]);
    market.embedded(&[]);
    let report = market.predicted(&[]);
    assert_eq!(report["predicted"], WITH_TEXT + 4, "{report}");
    assert_eq!(report["without_salary_model"], json!({ "GBP": 1 }));
    assert_eq!(report["ads"]["without_embedding"], 2);
    let is = |id: &str, condition: &str| {
        let sql = format!("SELECT count(*) FROM vw_predictions_latest WHERE job_id = '{id}' AND {condition}");
        assert_eq!(market.count(&sql), 1, "{id}: {condition}");
    };
    is(
        "pounds",
        "currency = 'GBP' AND predicted_salary IS NULL AND salary_model_version IS NULL AND cluster_name <> ''",
    );
    for id in ["untitled", "unknown", "paid"] {
        is(id, "predicted_salary > 0 AND isfinite(salary_high) AND predicted_classification <> ''");
    }
    assert_eq!(market.predicted(&[])["outcome"], "unchanged");

    // A salary model must not see the vector of a text that states pay.
    market.execute("DELETE FROM job_embeddings_masked WHERE job_id = 'paid'");
    let waiting = market.predicted(&["--all"]);
    assert_eq!(
        (&waiting["without_masked_vector"], &waiting["predicted"]),
        (&json!(1), &json!(WITH_TEXT + 3)),
        "{waiting}"
    );
    let refused = market.predict(&["--job-ids", "paid"]);
    assert!(refused.stderr.contains("run embed-new-jobs"), "{refused:?}");
}
