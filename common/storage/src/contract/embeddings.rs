//! Contract of [`crate::warehouse::EmbeddingStore`].

use std::collections::HashSet;

use chrono::TimeDelta;
use common_core::job::ContentHash;
use futures::{StreamExt, TryStreamExt};

use super::{SPACE, ad, ads, append, candidates, count, jobs, key, moment, row, rows, scan, shared, table};
use crate::warehouse::{Cell, EmbeddingRow, EmbeddingTable, FilterColumns, JobScan, SharedRow, Warehouse};

pub(super) async fn suite(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    warehouse.create_embeddings(&table()).await.unwrap();
    append(warehouse, jobs::market()).await.unwrap();
    repeated_merges_keep_one_row_for_each_ad(warehouse).await;
    a_text_is_known_by_space_and_time(warehouse).await;
    sharing_uses_the_newest_vector_and_returns_keys_without_one(warehouse).await;
    vectors_come_back_in_bulk(warehouse).await;
    a_scan_and_its_writes_do_not_disturb_each_other(warehouse).await;
    rows_of_removed_ads_are_pruned(warehouse).await;
    ads::an_index_holds_every_ad_with_a_vector_as_it_was_last_seen(warehouse).await;
    ads::a_change_of_the_rows_is_seen_without_their_vectors(warehouse).await;
}

async fn repeated_merges_keep_one_row_for_each_ad(warehouse: &dyn Warehouse) {
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

async fn sharing_uses_the_newest_vector_and_returns_keys_without_one(warehouse: &dyn Warehouse) {
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

async fn rows_of_removed_ads_are_pruned(warehouse: &dyn Warehouse) {
    let before = count(warehouse, "job_embeddings").await;
    assert_eq!(warehouse.delete_embeddings(&table(), &[key("twice"), key("absent")]).await.unwrap(), 1);
    let gone = warehouse.forget(&[key("late"), key("absent")]).await.unwrap();
    let gone: Vec<_> = gone.iter().map(|left| (left.table.as_str(), left.rows)).collect();
    assert_eq!(gone, [("cleaned_jobs", 2), ("job_embeddings", 1), ("job_embeddings_masked", 0)]);
    warehouse.merge_embeddings(&table(), vec![row("vanished", "gone", [1.0, 0.0, 0.0], 1)]).await.unwrap();
    let elsewhere = JobScan { source: Some("other".into()), ..scan() };
    assert_eq!(warehouse.prune_embeddings(&elsewhere).await.unwrap(), 0);
    assert_eq!(warehouse.prune_embeddings(&scan()).await.unwrap(), 1);
    assert_eq!(warehouse.prune_embeddings(&scan()).await.unwrap(), 0);
    assert_eq!(count(warehouse, "job_embeddings").await, before - 2);
}
