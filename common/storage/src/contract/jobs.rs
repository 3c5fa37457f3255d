//! Contract of [`crate::warehouse::JobStore`].

use std::collections::HashSet;

use common_core::job::{DESCRIPTION_CHARS, JobAd, Shard, TITLE_CHARS};
use common_core::{Error, ErrorKind, Result};

use super::{ad, append, candidates, count, moment, scan, table};
use crate::warehouse::{EmbeddingTable, JobCount, JobScan, Warehouse};

pub(super) async fn suite(warehouse: &dyn Warehouse) {
    missing_tables_are_named(warehouse).await;
    tables_are_created_once_and_another_type_is_refused(warehouse).await;
    appending_is_all_or_nothing(warehouse).await;
    a_scan_returns_the_latest_sighting_of_every_ad(warehouse).await;
    shards_are_disjoint_and_complete(warehouse).await;
}

/// Four ads, `late`, `odd`, `ranged` and `twice`, some with several sightings, and two sightings without a key.
pub(super) fn market() -> Vec<Result<Vec<JobAd>>> {
    let later_load = JobAd { bq_timestamp: Some(moment(5)), ..ad("twice", 1, "Second load") };
    let first_load = JobAd { bq_timestamp: Some(moment(4)), ..ad("twice", 1, "First load") };
    let odd = JobAd {
        job_description: Some("é".repeat(DESCRIPTION_CHARS + 9)),
        job_location: Some(String::new()),
        job_classification: None,
        job_posted_timestamp: Some(moment(-7)),
        job_salary_max_sgd_monthly: Some(5000.0),
        job_currency: Some(" \t".into()),
        job_work_type: Some("é".repeat(TITLE_CHARS + 9)),
        ..ad("odd", 0, &format!("Nurse \u{0} 👩‍⚕️ مرحبا{}", "é".repeat(TITLE_CHARS)))
    };
    let ranged = JobAd {
        job_salary_min_sgd_monthly: Some(3000.0),
        job_salary_max_sgd_monthly: Some(4001.0),
        job_currency: Some("\tsgd\n".into()),
        ..ad("ranged", 0, "Cook")
    };
    let in_pounds = JobAd {
        job_salary_min_sgd_monthly: Some(3000.0),
        job_currency: Some("GBP".into()),
        ..ad("late", 60, "New")
    };
    let seen_again = vec![ad("ranged", -60, "Old cook"), ad("late", 0, "Old"), in_pounds];
    let nameless = vec![ad("", 0, "No id"), JobAd { source: String::new(), ..ad("x", 0, "No board") }];
    vec![Ok(vec![later_load, first_load, odd, ranged]), Ok(Vec::new()), Ok(seen_again), Ok(nameless)]
}

async fn missing_tables_are_named(warehouse: &dyn Warehouse) {
    let error = warehouse.count_jobs(&scan()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    assert!(error.to_string().contains("cleaned_jobs"), "{error}");
}

async fn tables_are_created_once_and_another_type_is_refused(warehouse: &dyn Warehouse) {
    let error = warehouse.create_embeddings(&table()).await.unwrap_err();
    assert!(error.to_string().contains("cleaned_jobs"), "{}", error.chain());
    assert!(warehouse.tables().await.unwrap().is_empty());
    for _ in 0..2 {
        warehouse.create_jobs().await.unwrap();
        warehouse.create_embeddings(&table()).await.unwrap();
    }
    assert_eq!(
        warehouse.tables().await.unwrap(),
        ["cleaned_jobs", "forgotten_ads", "job_embeddings", "job_embeddings_masked", "ml_runs"]
    );
    let wider = EmbeddingTable { dimension: 4, ..table() };
    let error = warehouse.create_embeddings(&wider).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("job_embeddings"), "{error}");
}

async fn appending_is_all_or_nothing(warehouse: &dyn Warehouse) {
    let bad = vec![Ok(vec![ad("lost", 0, "Lost")]), Err(Error::invalid_input("row 2 is bad"))];
    let error = append(warehouse, bad).await.unwrap_err();
    assert_eq!(error.to_string(), "row 2 is bad");
    assert_eq!(count(warehouse, "cleaned_jobs").await, 0);
    assert!(candidates(warehouse, scan()).await.is_empty());
}

async fn a_scan_returns_the_latest_sighting_of_every_ad(warehouse: &dyn Warehouse) {
    assert_eq!(append(warehouse, market()).await.unwrap(), 9);

    let mut found = candidates(warehouse, scan()).await;
    found.sort_by(|a, b| a.key.cmp(&b.key));
    let titles: Vec<_> = found
        .iter()
        .map(|ad| (ad.key.job_id.as_str(), ad.title.as_deref().unwrap().trim_end_matches('é')))
        .collect();
    let expected =
        [("late", "New"), ("odd", "Nurse \u{0} 👩‍⚕️ مرحبا"), ("ranged", "Cook"), ("twice", "Second load")];
    assert_eq!(titles, expected);
    assert_eq!(
        warehouse.count_jobs(&scan()).await.unwrap(),
        JobCount { ads: 4, nameless_sightings: 2, timestamps_out_of_range: 0, forgotten_ads: 0 }
    );
    assert_eq!(found[1].description.as_ref().unwrap().chars().count(), DESCRIPTION_CHARS);
    let cut =
        [&found[1].title, &found[1].filters.job_work_type].map(|text| text.as_ref().unwrap().chars().count());
    assert_eq!(cut, [TITLE_CHARS; 2]);
    assert_eq!(found[1].filters.job_location.as_deref(), Some(""));
    assert_eq!(found[1].filters.job_classification, None);
    assert_eq!(found[1].filters.job_posted_timestamp, Some(moment(-7)));
    assert_eq!(found[0].filters.salary_mid, None, "pay in pounds has no value for a filter in SGD");
    assert_eq!(found[1].filters.salary_mid, Some(5000.0));
    assert_eq!(found[2].filters.salary_mid, Some(3500.5));
    assert!(found.iter().all(|ad| ad.stored.is_none()));
}

async fn shards_are_disjoint_and_complete(warehouse: &dyn Warehouse) {
    let mut seen = HashSet::new();
    for index in 0..3 {
        let shard = Shard { index, count: 3 };
        let part = JobScan { shard, ..scan() };
        let found = candidates(warehouse, part.clone()).await;
        let expected = JobCount {
            ads: found.len() as u64,
            nameless_sightings: if index == 0 { 2 } else { 0 },
            timestamps_out_of_range: 0,
            forgotten_ads: 0,
        };
        assert_eq!(warehouse.count_jobs(&part).await.unwrap(), expected);
        for ad in found {
            assert!(shard.contains(&ad.key), "{} is not of shard {index}", ad.key);
            assert!(seen.insert(ad.key));
        }
    }
    assert_eq!(seen.len(), 4);
    let elsewhere = JobScan { source: Some("O'Neil\"%".into()), ..scan() };
    assert!(candidates(warehouse, elsewhere).await.is_empty());
}
