//! What every warehouse must do, in one suite: a backend's tests call [`warehouse`] on an empty one of theirs, then
//! [`vector_search`] and, on another empty one, [`takedowns()`].

// What a suite cannot unwrap is a failure of the backend.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod ads;
mod champions;
mod moments;
mod others;
mod pay;
mod registry;
mod runs;
mod search;
mod takedowns;

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta};
use common_core::job::{ContentHash, DESCRIPTION_CHARS, JobAd, JobKey, Shard, TITLE_CHARS, Timestamp};
use common_core::{Error, ErrorKind, Result};
use futures::{StreamExt, TryStreamExt, stream};

use crate::warehouse::{
    Candidate, Cell, EmbeddingRow, EmbeddingTable, FilterColumns, JobCount, JobScan, SharedRow, Warehouse,
};

pub use others::{OTHERS, tables_of_others};
pub use registry::registry;
pub use search::vector_search;
pub use takedowns::{Foreign, takedowns};

const SPACE: &str = "model/weights/t1-256";

/// The company of every suite that searches by one: a warehouse may remember for a while which companies there are.
const COMPANY: &str = "New Ltd";

/// Proves the contract of [`Warehouse`] on `warehouse`, which must be empty.
pub async fn warehouse(warehouse: &dyn Warehouse) {
    missing_tables_are_named(warehouse).await;
    tables_are_made_once_and_never_reshaped(warehouse).await;
    appending_is_all_or_nothing(warehouse).await;
    a_scan_returns_the_latest_sighting_of_every_ad(warehouse).await;
    shards_are_disjoint_and_complete(warehouse).await;
    a_merge_is_one_row_an_ad_however_often(warehouse).await;
    a_text_is_known_by_space_and_time(warehouse).await;
    sharing_takes_the_newest_vector_and_names_what_has_none(warehouse).await;
    vectors_come_back_in_bulk(warehouse).await;
    a_scan_and_its_writes_do_not_disturb_each_other(warehouse).await;
    takedowns_leave_every_table(warehouse).await;
    runs::every_state_of_a_run_is_kept_and_the_view_has_one(warehouse).await;
    runs::a_run_that_was_killed_is_found(warehouse).await;
    queries_keep_types_and_refuse_writes(warehouse).await;
    ads::an_index_holds_every_ad_with_a_vector_as_it_was_last_seen(warehouse).await;
    ads::a_change_of_the_rows_is_seen_without_their_vectors(warehouse).await;
    ads::few_rows_need_no_vector_index(warehouse).await;
    search::searches_by_company_go_by_the_latest_sighting(warehouse).await;
    search::a_vector_that_cannot_be_compared_is_refused(warehouse).await;
    moments::moments_before_1970_are_moments(warehouse).await;
    pay::pay_has_one_definition(warehouse).await;
}

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("all-MiniLM-L6-v2", 3)
}

fn scan() -> JobScan {
    JobScan { embeddings: table(), shard: Shard::ALL, source: None }
}

fn moment(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + seconds, 123_456_000).unwrap()
}

fn key(job_id: &str) -> JobKey {
    JobKey { source: "MCF".into(), job_id: job_id.into() }
}

fn ad(job_id: &str, seen: i64, title: &str) -> JobAd {
    JobAd {
        source: "MCF".into(),
        job_id: job_id.into(),
        scrape_timestamp: moment(seen),
        job_title: Some(title.into()),
        ..JobAd::default()
    }
}

fn row(job_id: &str, text: &str, embedding: [f32; 3], created: i64) -> EmbeddingRow {
    EmbeddingRow {
        key: key(job_id),
        embedding: embedding.to_vec(),
        model_name: "model".into(),
        created_at: moment(created),
        embedding_space: SPACE.into(),
        model_version: format!("{SPACE}/fp32-cpu"),
        content_hash: ContentHash::of(text),
        filters: FilterColumns {
            job_location: Some(String::new()),
            salary_mid: Some(0.1),
            ..Default::default()
        },
    }
}

fn shared(job_id: &str, text: &str) -> SharedRow {
    SharedRow { key: key(job_id), content_hash: ContentHash::of(text), filters: FilterColumns::default() }
}

async fn append(warehouse: &dyn Warehouse, batches: Vec<Result<Vec<JobAd>>>) -> Result<u64> {
    Ok(warehouse.append_jobs(stream::iter(batches).boxed()).await?.sightings)
}

async fn candidates(warehouse: &dyn Warehouse, scan: JobScan) -> Vec<Candidate> {
    let pages: Vec<Vec<Candidate>> = warehouse.scan_jobs(scan).try_collect().await.unwrap();
    pages.concat()
}

async fn rows(warehouse: &dyn Warehouse, sql: &str) -> Vec<Vec<Cell>> {
    let answer = warehouse.query(sql).await.unwrap();
    let pages: Vec<Vec<Vec<Cell>>> = answer.pages.try_collect().await.unwrap();
    pages.concat()
}

async fn count(warehouse: &dyn Warehouse, table: &str) -> i64 {
    match rows(warehouse, &format!("SELECT count(*) FROM {table}")).await[0][0] {
        Cell::Int(count) => count,
        ref other => panic!("a count is {other:?}"),
    }
}

async fn missing_tables_are_named(warehouse: &dyn Warehouse) {
    let error = warehouse.count_jobs(&scan()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    assert!(error.to_string().contains("cleaned_jobs"), "{error}");
}

async fn tables_are_made_once_and_never_reshaped(warehouse: &dyn Warehouse) {
    let error = warehouse.create_embeddings(&table()).await.unwrap_err();
    assert!(error.to_string().contains("cleaned_jobs"), "{}", error.chain());
    assert!(warehouse.tables().await.unwrap().is_empty());
    for _ in 0..2 {
        warehouse.create_jobs().await.unwrap();
        warehouse.create_embeddings(&table()).await.unwrap();
    }
    assert_eq!(
        warehouse.tables().await.unwrap(),
        ["cleaned_jobs", "forgotten_ads", "job_embeddings", "ml_runs"]
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
    let batches =
        vec![Ok(vec![later_load, first_load, odd, ranged]), Ok(Vec::new()), Ok(seen_again), Ok(nameless)];
    assert_eq!(append(warehouse, batches).await.unwrap(), 9);

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
    assert_eq!(found[0].filters.salary_mid, None, "a filter in SGD is not for pounds");
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

async fn a_merge_is_one_row_an_ad_however_often(warehouse: &dyn Warehouse) {
    let exact = [f32::MIN_POSITIVE / 4.0, -0.0, 0.1 + 0.2];
    let written = vec![row("odd", "odd", exact, 1), row("late", "late", [1.0, 0.0, 0.0], 1)];
    for _ in 0..2 {
        warehouse.merge_embeddings(&table(), written.clone()).await.unwrap();
    }
    let replacement = row("late", "later", [0.0, 1.0, 0.0], 2);
    warehouse.merge_embeddings(&table(), vec![replacement]).await.unwrap();
    let sql = "SELECT job_id, embedding, content_hash, created_at, job_location, job_classification \
               FROM job_embeddings ORDER BY job_id";
    let rows = rows(warehouse, sql).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0][1], Cell::Vector(vec![0.0, 1.0, 0.0]));
    assert_eq!(rows[0][2], Cell::Text(ContentHash::of("later").to_string()));
    assert_eq!(rows[0][3], Cell::Timestamp(moment(2)));
    assert_eq!(rows[0][4..], [Cell::Text(String::new()), Cell::Null]);
    let Cell::Vector(ref back) = rows[1][1] else { panic!("{:?}", rows[1][1]) };
    assert_eq!(back.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), exact.map(f32::to_bits));

    let found = candidates(warehouse, scan()).await;
    let stored = found.iter().find(|ad| ad.key == key("late")).unwrap().stored.as_ref().unwrap();
    assert_eq!(stored.content_hash, ContentHash::of("later").to_string());
    assert_eq!(stored.embedding_space, SPACE);
    assert_eq!(stored.filters.salary_mid, Some(0.1));
    assert_eq!(stored.filters.job_location.as_deref(), Some(""));
}

async fn a_text_is_known_by_space_and_time(warehouse: &dyn Warehouse) {
    let hashes = [ContentHash::of("later"), ContentHash::of("never")];
    let known = async |space, since| warehouse.known_texts(&table(), space, &hashes, since).await.unwrap();
    assert_eq!(known(SPACE, None).await, HashSet::from([hashes[0]]));
    assert_eq!(known(SPACE, Some(moment(2))).await, HashSet::from([hashes[0]]));
    assert!(known(SPACE, Some(moment(2) + TimeDelta::microseconds(1))).await.is_empty());
    assert!(known("another/space", None).await.is_empty());
    assert!(warehouse.known_texts(&table(), SPACE, &[], None).await.unwrap().is_empty());
}

async fn sharing_takes_the_newest_vector_and_names_what_has_none(warehouse: &dyn Warehouse) {
    warehouse.merge_embeddings(&table(), vec![row("ranged", "later", [0.0, 0.0, 1.0], 3)]).await.unwrap();
    let wanted = vec![shared("twice", "later"), shared("nowhere", "never"), shared("ranged", "later")];
    let since = Some(moment(4));
    let too_old = warehouse.share_embeddings(&table(), SPACE, wanted.clone(), since).await.unwrap();
    assert_eq!(too_old.len(), 3);
    let without = warehouse.share_embeddings(&table(), SPACE, wanted, Some(moment(3))).await.unwrap();
    assert_eq!(without, HashSet::from([key("nowhere")]));
    let sql = "SELECT job_id, embedding, salary_mid FROM job_embeddings WHERE job_id IN ('twice', 'ranged') \
               ORDER BY job_id";
    let newest = Cell::Vector(vec![0.0, 0.0, 1.0]);
    let expected = ["ranged", "twice"].map(|id| vec![Cell::Text(id.into()), newest.clone(), Cell::Null]);
    assert_eq!(rows(warehouse, sql).await, expected);
    let paid = FilterColumns { salary_mid: Some(7.5), ..FilterColumns::default() };
    let update = vec![SharedRow { filters: paid, ..shared("twice", "later") }, shared("absent", "later")];
    warehouse.update_filters(&table(), update).await.unwrap();
    let [unpaid, _] = expected;
    let paid = vec![Cell::Text("twice".into()), newest, Cell::Float(7.5)];
    assert_eq!(rows(warehouse, sql).await, [unpaid, paid]);
}

async fn vectors_come_back_in_bulk(warehouse: &dyn Warehouse) {
    let foreign =
        EmbeddingRow { embedding_space: "another/space".into(), ..row("foreign", "x", [1.0, 0.0, 0.0], 5) };
    let posted = FilterColumns { job_posted_timestamp: Some(moment(-9)), ..FilterColumns::default() };
    let dated = EmbeddingRow { filters: posted, ..row("dated", "dated", [0.6, -0.8, -0.0], 6) };
    warehouse.merge_embeddings(&table(), vec![foreign.clone(), dated.clone()]).await.unwrap();
    let pages: Vec<Vec<EmbeddingRow>> =
        warehouse.scan_embeddings(&table(), SPACE).try_collect().await.unwrap();
    let found = pages.concat();
    assert!(found.contains(&dated), "{found:?}");
    assert!(found.iter().all(|row| row.embedding_space == SPACE));
    let stored = usize::try_from(count(warehouse, "job_embeddings").await).unwrap();
    assert_eq!(found.len() + 1, stored);
    let removed = [foreign.key, dated.key];
    assert_eq!(warehouse.delete_embeddings(&table(), &removed).await.unwrap(), 2);
    let nothing = EmbeddingTable { name: "job_embeddings_absent".into(), ..table() };
    assert!(warehouse.known_texts(&nothing, SPACE, &[ContentHash::of("x")], None).await.unwrap().is_empty());
}

async fn a_scan_and_its_writes_do_not_disturb_each_other(warehouse: &dyn Warehouse) {
    let many = (0..10_000).map(|n| ad(&format!("many-{n}"), 0, "Many")).collect();
    append(warehouse, vec![Ok(many)]).await.unwrap();
    let mut pages = warehouse.scan_jobs(scan());
    let mut seen = 0;
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        seen += page.len();
        let first = &page[0].key.job_id;
        warehouse.merge_embeddings(&table(), vec![row(first, "many", [1.0, 0.0, 0.0], 9)]).await.unwrap();
    }
    assert_eq!(seen, 10_004);
}

async fn takedowns_leave_every_table(warehouse: &dyn Warehouse) {
    let before = count(warehouse, "job_embeddings").await;
    assert_eq!(warehouse.delete_embeddings(&table(), &[key("twice"), key("absent")]).await.unwrap(), 1);
    let gone = warehouse.forget(&[key("late"), key("absent")]).await.unwrap();
    let gone: Vec<_> = gone.iter().map(|left| (left.table.as_str(), left.rows)).collect();
    assert_eq!(gone, [("cleaned_jobs", 2), ("job_embeddings", 1)]);
    warehouse.merge_embeddings(&table(), vec![row("vanished", "gone", [1.0, 0.0, 0.0], 1)]).await.unwrap();
    let elsewhere = JobScan { source: Some("other".into()), ..scan() };
    assert_eq!(warehouse.prune_embeddings(&elsewhere).await.unwrap(), 0);
    assert_eq!(warehouse.prune_embeddings(&scan()).await.unwrap(), 1);
    assert_eq!(warehouse.prune_embeddings(&scan()).await.unwrap(), 0);
    assert_eq!(count(warehouse, "job_embeddings").await, before - 2);
}

async fn queries_keep_types_and_refuse_writes(warehouse: &dyn Warehouse) {
    let typed = rows(warehouse, "SELECT 1 = 1, 2, CAST(0.5 AS NUMERIC), '', NULL").await;
    let Cell::Decimal(half) = &typed[0][2] else { panic!("{typed:?}") };
    assert!(["0.5", "0.500", "0.500000000"].contains(&half.as_str()), "{half}");
    let [one, two, _, empty, null] = &typed[0][..] else { panic!("{typed:?}") };
    assert_eq!(
        [one, two, empty, null],
        [&Cell::Bool(true), &Cell::Int(2), &Cell::Text(String::new()), &Cell::Null]
    );
    for sql in ["", "SELEC 1", "SELECT nothing FROM cleaned_jobs", "DELETE FROM cleaned_jobs"] {
        let error = warehouse.query(sql).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{sql}: {}", error.chain());
    }
}
