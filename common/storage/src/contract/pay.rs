//! Contract of pay: values that are not a number, and currencies as people write them.

use common_core::job::{JobAd, JobFilter};
use futures::TryStreamExt;

use super::{append, moment};
use crate::warehouse::{
    Candidate, EmbeddingRow, EmbeddingTable, FilterColumns, JobScan, VectorQuery, Warehouse,
};

const SOURCE: &str = "Pay";

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/pay", 3)
}

/// Minimum, maximum, currency, and the value that a filter in SGD compares.
type Paid = (Option<f64>, Option<f64>, Option<&'static str>, Option<f64>);

const ADS: [Paid; 12] = [
    (Some(f64::INFINITY), None, None, None),
    (Some(f64::NAN), Some(f64::NAN), Some("SGD"), None),
    (Some(f64::NEG_INFINITY), Some(4000.0), Some("SGD"), Some(4000.0)),
    (Some(3000.0), Some(f64::INFINITY), Some(" sgd "), Some(3000.0)),
    (Some(-5.0), Some(-1.0), None, None),
    (Some(3000.0), Some(4000.0), Some("S$"), Some(3500.0)),
    (Some(5000.0), Some(3000.0), Some("Ｓ＄"), Some(4000.0)),
    (Some(f64::MAX), Some(f64::MAX), Some("\u{a0}SGD\n"), Some(f64::MAX)),
    (Some(3000.0), None, Some("£"), None),
    (Some(3000.0), None, Some("$"), None),
    (Some(3000.0), None, Some(" \t"), Some(3000.0)),
    (None, None, Some("SGD"), None),
];

pub(super) async fn pay_has_one_definition(warehouse: &dyn Warehouse) {
    let ads: Vec<JobAd> = (0..ADS.len())
        .map(|n| JobAd {
            source: SOURCE.into(),
            job_id: format!("{n:02}"),
            scrape_timestamp: moment(0),
            job_salary_min_sgd_monthly: ADS[n].0,
            job_salary_max_sgd_monthly: ADS[n].1,
            job_currency: ADS[n].2.map(str::to_owned),
            ..JobAd::default()
        })
        .collect();
    append(warehouse, vec![Ok(ads)]).await.unwrap();
    let scan =
        JobScan { embeddings: table(), shard: common_core::job::Shard::ALL, source: Some(SOURCE.into()) };
    let pages: Vec<Vec<Candidate>> = warehouse.scan_jobs(scan).try_collect().await.unwrap();
    let mut found = pages.concat();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    for (ad, (min, max, currency, expected)) in found.iter().zip(ADS) {
        assert_eq!(ad.filters.salary_mid, expected, "{min:?} {max:?} {currency:?}");
        assert_eq!(ad.pay.currency.as_deref(), currency);
    }
    assert_eq!(found.len(), ADS.len());

    // Rows that an earlier version or another program wrote.
    warehouse.create_embeddings(&table()).await.unwrap();
    let rows = [f64::INFINITY, f64::NAN, f64::NEG_INFINITY, 5000.0].into_iter().enumerate();
    let rows: Vec<EmbeddingRow> = rows
        .map(|(n, mid)| EmbeddingRow {
            filters: FilterColumns { salary_mid: Some(mid), ..FilterColumns::default() },
            key: found[n].key.clone(),
            ..super::row("", &n.to_string(), [1.0, 0.0, 0.0], 0)
        })
        .collect();
    warehouse.merge_embeddings(&table(), rows).await.unwrap();
    let filter = JobFilter { salary_min_sgd_per_month: Some(100.0), ..JobFilter::default() };
    let query = VectorQuery { vector: vec![1.0, 0.0, 0.0], top_k: 1_000, filter, min_similarity: None };
    // Also by company, because the BigQuery emulator supports only that search.
    let company = JobFilter { company: vec![super::COMPANY.to_lowercase()], ..query.filter.clone() };
    let seen = |n: usize| JobAd {
        scrape_timestamp: moment(9),
        company_name: Some(super::COMPANY.into()),
        source: SOURCE.into(),
        job_id: format!("{n:02}"),
        ..JobAd::default()
    };
    append(warehouse, vec![Ok((0..4).map(seen).collect())]).await.unwrap();
    let query = VectorQuery { filter: company, ..query };
    let hits = warehouse.search_embeddings(&table(), super::SPACE, &query).await.unwrap();
    let ours = hits.iter().filter(|hit| hit.key.source == SOURCE);
    let ours: Vec<&str> = ours.map(|hit| hit.key.job_id.as_str()).collect();
    assert_eq!(ours, ["03"]);
}
