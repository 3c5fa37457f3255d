//! `/v1/predict`: the models of `batch-predict`, for an ad that is in no warehouse.

use std::time::Duration;

use serde_json::{Value, json};

use super::ADS;
use crate::support::{Market, Service};

/// The service of a market, once it has opened the champions.
fn service(market: &Market) -> Service {
    let mut command = market.command("similar-jobs");
    Service::start(command.env("DEVICE", "cpu").env("INDEX_POLL_S", "1"))
}

fn post(service: &Service, body: &Value) -> (u16, Value) {
    let request = service.request("POST", "v1/predict").header("content-type", "application/json");
    let reply = request.body(body.to_string()).send();
    (reply.status, reply.json)
}

/// Columns of the first ads with their predictions.
fn predicted(market: &Market) -> Vec<Value> {
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let sql = "SELECT to_json(struct_pack(title := ad.job_title, location := ad.job_location, company := ad.company_name, company_id := ad.company_id, \
               company_industry := ad.company_industry, company_size := ad.company_size, source := ad.source, \
               classification := ad.job_classification, work_type := ad.job_work_type, \
               posted := strftime(ad.job_posted_timestamp, '%Y-%m-%dT%H:%M:%S.%fZ'), \
               as_of := strftime(ad.scrape_timestamp, '%Y-%m-%dT%H:%M:%S.%fZ'))), \
               to_json(struct_pack(per_month := predicted_salary, low_per_month := salary_low, \
               high_per_month := salary_high, confidence := salary_confidence, class := predicted_classification, \
               cluster := cluster_name)) \
               FROM vw_latest_jobs AS ad JOIN vw_predictions_latest AS latest USING (source, job_id) \
               JOIN job_embeddings AS stored USING (source, job_id) WHERE ad.source = 'MCF' \
               AND salary_mid IS NULL ORDER BY job_id LIMIT 5";
    let mut statement = connection.prepare(sql).unwrap();
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let parse = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    rows.map(|row| row.map(|(ad, found)| json!([parse(ad), parse(found)])).unwrap()).collect()
}

#[test]
fn a_prediction_over_http_is_that_of_the_batch() {
    let market = Market::with_models(ADS);
    market.predicted(&[]);
    let rows = predicted(&market);
    assert!(rows.len() >= 3, "{rows:?}");
    let service = service(&market);
    for row in rows {
        let mut ad = row[0].clone();
        // Members of ads that state nothing are left out.
        ad.as_object_mut()
            .unwrap()
            .retain(|_, value| value.as_str().is_some_and(|text| !text.trim().is_empty()));
        let (status, answer) = post(&service, &ad);
        assert_eq!(status, 200, "{ad}: {answer}");
        for member in ["per_month", "low_per_month", "high_per_month", "confidence"] {
            assert_eq!(answer["salary"][member], row[1][member], "{member}: {ad}");
        }
        assert_eq!(answer["role"]["classification"], row[1]["class"], "{ad}");
        assert_eq!(answer["cluster"]["name"], row[1]["cluster"], "{ad}");
        assert_eq!(answer["role"]["next"].as_array().unwrap().len(), 2, "{answer}");
        assert_eq!(answer["models"], json!(["salary_predictor/v1", "role_classifier/v1", "clustering/v1"]));
    }
    // Also as a link, in another currency, and with pay in the text.
    let link = service.request("GET", "v1/predict?title=Head%20chef&currency=GBP").send();
    assert_eq!((link.status, &link.json["salary"]), (200, &Value::Null));
    let (status, paid) =
        post(&service, &json!({ "title": "Head chef", "description": "Pay is $9,000 a month" }));
    assert_eq!(status, 200, "{paid}");
    let (_, other) = post(&service, &json!({ "title": "Head chef", "description": "Pay is $2,000 a month" }));
    assert_eq!(paid["salary"], other["salary"], "the stated pay is not seen");

    for (body, expected) in [
        (json!({}), "an ad without text: expected title, description or both"),
        (json!({ "title": " " }), "title"),
        (json!({ "title": "Cook", "pay": 1 }), "pay"),
        (json!({ "title": "Cook", "posted": "soon" }), "posted"),
        (json!({ "title": "x".repeat(20_001) }), "title"),
    ] {
        let (status, problem) = post(&service, &body);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(expected), "{body}: {status} {detail}");
    }
    assert_eq!(post(&service, &json!({ "title": "Küchenchef 🍳 调理师", "location": "';--" })).0, 200);
}

#[test]
fn new_champions_are_picked_up_and_without_any_the_service_says_so() {
    let market = Market::with_vectors(ADS);
    let service = service(&market);
    let cook = json!({ "title": "Cook" });
    let (status, problem) = post(&service, &cook);
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("run `train-models`"), "{problem}");
    let trained = market.run("train-models", &["--once", "--only", "role", "--quick"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let found = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let (status, answer) = post(&service, &cook);
        (status == 200).then_some(answer)
    });
    let answer = found.expect("the champion within ten seconds");
    assert_eq!((&answer["salary"], &answer["cluster"]), (&Value::Null, &Value::Null));
    assert_eq!(answer["models"], json!(["role_classifier/v1"]));
}
