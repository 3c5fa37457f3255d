//! Contract of tables that another program created or altered: with another column order and further columns.

use futures::TryStreamExt;

use super::{SPACE, ad, append, candidates, key, moment, row, rows, scan, shared, table};
use crate::warehouse::{Cell, EmbeddingRow, FilterColumns, IndexedAd, RunRecord, Warehouse};

/// The tables that [`tables_of_others`] needs, as `(table, columns)`: our columns in another order, and among them
/// `tenant`, which the caller declares. `{text}`, `{moment}`, `{number}` and `{vector}` are placeholders of the
/// engine's types.
pub const OTHERS: [(&str, &str); 3] = [
    (
        "cleaned_jobs",
        "company_name {text}, job_title {text}, {tenant}, job_url {text}, job_location {text}, job_id {text}, source {text}, \
         job_description {text}, job_classification {text}, job_work_type {text}, job_salary_max_sgd_monthly {number}, \
         job_salary_min_sgd_monthly {number}, job_salary_max_sgd_raw {number}, job_salary_min_sgd_raw {number}, \
         job_posted_timestamp {moment}, bq_timestamp {moment}, scrape_timestamp {moment}, job_salary_type {text}, \
         job_currency {text}, company_id {text}, company_url {text}, company_size {text}, company_industry {text}, \
         company_description {text}",
    ),
    (
        "job_embeddings",
        "{tenant}, content_hash {text}, model_version {text}, embedding_space {text}, created_at {moment}, model_name {text}, \
         embedding {vector}, job_id {text}, source {text}, salary_mid {number}, job_posted_timestamp {moment}, \
         job_work_type {text}, job_classification {text}, job_location {text}",
    ),
    (
        "ml_runs",
        "code_version {text}, report {text}, status {text}, {tenant}, finished_at {moment}, started_at {moment}, \
         run_id {text}, function {text}",
    ),
];

/// Tests that `warehouse`, which has the tables of [`OTHERS`], reads and writes columns by name and does not change
/// `tenant`. `job_embeddings` has one row, of ad `owned` with tenant `theirs`; `tenant` of every new row must be
/// `default`.
pub async fn tables_of_others(warehouse: &dyn Warehouse, default: Cell) {
    for _ in 0..2 {
        warehouse.create_jobs().await.unwrap();
        warehouse.create_embeddings(&table()).await.unwrap();
    }
    let cook = common_core::job::JobAd {
        job_url: Some("https://example.sg/1".into()),
        company_name: Some("Cook & Sons".into()),
        job_location: Some("Bedok".into()),
        job_description: Some("Fries".into()),
        job_salary_min_sgd_monthly: Some(3000.0),
        job_salary_max_sgd_monthly: Some(4000.0),
        job_salary_max_sgd_raw: Some(48_000.0),
        company_size: Some("9".into()),
        job_posted_timestamp: Some(moment(-5)),
        bq_timestamp: Some(moment(7)),
        ..ad("cook", 3, "Cook")
    };
    let plain = ["owned", "shared", "bare"].map(|id| ad(id, 0, id));
    append(warehouse, vec![Ok(vec![cook.clone()]), Ok(plain.to_vec())]).await.unwrap();
    let sql = "SELECT job_title, company_name, job_url, job_location, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, \
               job_salary_max_sgd_raw, company_size, scrape_timestamp, bq_timestamp, tenant \
               FROM cleaned_jobs WHERE job_id = 'cook'";
    let text = |text: &str| Cell::Text(text.into());
    let expected = vec![
        text("Cook"),
        text("Cook & Sons"),
        text("https://example.sg/1"),
        text("Bedok"),
        Cell::Float(3000.0),
        Cell::Float(4000.0),
        Cell::Float(48_000.0),
        text("9"),
        Cell::Timestamp(moment(3)),
        Cell::Timestamp(moment(7)),
        default.clone(),
    ];
    assert_eq!(rows(warehouse, sql).await, [expected]);
    let found = candidates(warehouse, scan()).await;
    assert_eq!(found.len(), 4);
    let cooks = found.iter().find(|ad| ad.key == cook.key()).unwrap();
    assert_eq!((cooks.title.as_deref(), cooks.filters.salary_mid), (Some("Cook"), Some(3500.0)));

    // Inserted, replaced, shared, and updated rows.
    let filters = FilterColumns {
        job_location: Some("Bedok".into()),
        job_work_type: Some("Full-time".into()),
        job_posted_timestamp: Some(moment(-5)),
        salary_mid: Some(3500.0),
        job_classification: None,
    };
    let written = EmbeddingRow { filters: filters.clone(), ..row("cook", "Cook. Fries", [0.6, 0.8, 0.0], 3) };
    for _ in 0..2 {
        warehouse.merge_embeddings(&table(), vec![written.clone()]).await.unwrap();
    }
    let owned = row("owned", "owned", [0.0, 1.0, 0.0], 4);
    warehouse.merge_embeddings(&table(), vec![owned.clone()]).await.unwrap();
    let wanted = vec![shared("shared", "Cook. Fries"), shared("bare", "none")];
    let without = warehouse.share_embeddings(&table(), SPACE, wanted, None).await.unwrap();
    assert_eq!(without, [key("bare")].into());
    let update = crate::warehouse::SharedRow { filters: filters.clone(), ..shared("shared", "Cook. Fries") };
    warehouse.update_filters(&table(), vec![update]).await.unwrap();
    let copied = EmbeddingRow { key: key("shared"), ..written.clone() };
    let pages: Vec<Vec<EmbeddingRow>> =
        warehouse.scan_embeddings(&table(), SPACE).try_collect().await.unwrap();
    let mut stored = pages.concat();
    stored.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(stored, [written.clone(), owned, copied]);
    let sql = "SELECT job_id, tenant FROM job_embeddings ORDER BY job_id";
    let tenants = [("cook", default.clone()), ("owned", text("theirs")), ("shared", default.clone())];
    assert_eq!(rows(warehouse, sql).await, tenants.map(|(id, tenant)| vec![text(id), tenant]));
    let pages: Vec<Vec<IndexedAd>> = warehouse.scan_ads(&table(), SPACE).try_collect().await.unwrap();
    let ads = pages.concat();
    let cooks = ads.iter().find(|ad| ad.key == cook.key()).unwrap();
    assert_eq!(cooks.company_name.as_deref(), Some("Cook & Sons"));
    assert_eq!((cooks.salary_min_monthly, cooks.salary_max_monthly), (Some(3000.0), Some(4000.0)));
    assert_eq!((&cooks.model_version, &cooks.embedding), (&written.model_version, &written.embedding));
    runs_and_takedowns(warehouse, default).await;
}

async fn runs_and_takedowns(warehouse: &dyn Warehouse, default: Cell) {
    let text = |text: &str| Cell::Text(text.into());
    let run = RunRecord {
        function: "embed-new-jobs".into(),
        run_id: "r1".into(),
        started_at: moment(0),
        finished_at: Some(moment(1)),
        status: crate::warehouse::RunStatus::Succeeded,
        report: serde_json::json!({ "ads": 4 }),
        code_version: "0".into(),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    };
    warehouse.record_runs(std::slice::from_ref(&run)).await.unwrap();
    let sql = "SELECT function, run_id, started_at, status, report, code_version, tenant FROM ml_runs";
    let expected = vec![
        text("embed-new-jobs"),
        text("r1"),
        Cell::Timestamp(moment(0)),
        text("succeeded"),
        text(r#"{"ads":4}"#),
        text("0"),
        default,
    ];
    assert_eq!(rows(warehouse, sql).await, [expected]);

    warehouse.forget(&[key("cook")]).await.unwrap();
    let left = "SELECT job_id FROM cleaned_jobs WHERE job_id = 'cook' UNION ALL \
                SELECT job_id FROM job_embeddings WHERE job_id = 'cook'";
    assert!(rows(warehouse, left).await.is_empty());
}
