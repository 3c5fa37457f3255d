//! Contract of takedowns: an ad that was taken down is never read, even if its rows are written again.

use std::collections::{BTreeSet, HashSet};

use common_core::job::{ContentHash, JobFilter, JobKey, Shard};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

use super::{SPACE, ad, candidates, count, key, moment, row, rows, shared};
use crate::warehouse::{
    Appended, Cell, EmbeddingRow, EmbeddingTable, Forgotten, IndexState, IndexedAd, JobCount, JobScan,
    VectorQuery, Warehouse,
};

/// Runs a statement on the engine itself, as another program could.
pub type Foreign<'a> = &'a (dyn Fn(String) -> BoxFuture<'a, ()> + Sync);

/// A key with special characters of SQL and JSON.
const HOSTILE: &str = "x'; DROP TABLE cleaned_jobs; --\\\" %_$1 @ads {\"a\":[1]} \u{1f9d1}\u{200d}\u{1f373}";

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/takedowns", 3)
}

fn scan() -> JobScan {
    JobScan { embeddings: table(), shard: Shard::ALL, source: None }
}

fn keys(ids: &[&str]) -> Vec<JobKey> {
    ids.iter().map(|id| key(id)).collect()
}

fn ids<'a>(keys: impl Iterator<Item = &'a JobKey>) -> BTreeSet<&'a str> {
    keys.map(|key| key.job_id.as_str()).collect()
}

async fn append(warehouse: &dyn Warehouse, ids: &[&str]) -> Appended {
    let ads = ids.iter().map(|id| ad(id, 0, "Cook")).collect();
    warehouse.append_jobs(stream::iter(vec![Ok(ads)]).boxed()).await.unwrap()
}

/// Panics unless all readers agree: `seen` ads, `embedded` ads with a vector, and `forgotten` ads that are left
/// out.
async fn check(warehouse: &dyn Warehouse, seen: &[&str], embedded: &[&str], forgotten: u64) -> IndexState {
    let (seen, embedded): (BTreeSet<&str>, BTreeSet<&str>) =
        (seen.iter().copied().collect(), embedded.iter().copied().collect());
    let found = candidates(warehouse, scan()).await;
    assert_eq!(ids(found.iter().map(|ad| &ad.key)), seen);
    let mut counted = (0, 0);
    for index in 0..2 {
        let part = JobScan { shard: Shard { index, count: 2 }, source: Some("MCF".into()), ..scan() };
        let JobCount { ads, forgotten_ads, .. } = warehouse.count_jobs(&part).await.unwrap();
        counted = (counted.0 + ads, counted.1 + forgotten_ads);
    }
    assert_eq!(counted, (seen.len() as u64, forgotten));
    let pages: Vec<Vec<IndexedAd>> = warehouse.scan_ads(&table(), SPACE).try_collect().await.unwrap();
    assert_eq!(ids(pages.concat().iter().map(|ad| &ad.key)), embedded);
    let pages: Vec<Vec<EmbeddingRow>> =
        warehouse.scan_embeddings(&table(), SPACE).try_collect().await.unwrap();
    assert_eq!(ids(pages.concat().iter().map(|row| &row.key)), embedded);
    let filter = JobFilter { company: vec!["Acme".into()], ..JobFilter::default() };
    let query = VectorQuery { vector: vec![1.0, 0.0, 0.0], top_k: 9, filter, min_similarity: None };
    let hits = warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap();
    assert_eq!(ids(hits.iter().map(|hit| &hit.key)), embedded);
    let texts: Vec<ContentHash> = ["gone", "kept"].map(ContentHash::of).into();
    let known = warehouse.known_texts(&table(), SPACE, &texts, None).await.unwrap();
    assert_eq!(known.len(), embedded.len());
    let state = warehouse.index_state(&table(), SPACE).await.unwrap();
    assert_eq!(state.rows, embedded.len() as u64);
    state
}

/// Tests the contract of [`crate::warehouse::Takedowns`] on `warehouse`, which must be empty.
pub async fn takedowns(warehouse: &dyn Warehouse, foreign: Foreign<'_>) {
    // A warehouse of an older version of this program, with rows of another program.
    warehouse.create_jobs().await.unwrap();
    warehouse.create_embeddings(&table()).await.unwrap();
    foreign("DROP TABLE forgotten_ads".into()).await;
    let sighting = |id: &str, day: u32| {
        format!(
            "INSERT INTO cleaned_jobs (source, scrape_timestamp, job_id, job_title, company_name) \
             VALUES ('MCF', TIMESTAMP '2024-01-0{day} 00:00:00', '{id}', 'Cook', 'Acme')"
        )
    };
    for id in ["gone", "kept", "heir"] {
        foreign(sighting(id, 1)).await;
    }
    let [gone, kept] = ["gone", "kept"].map(|id| row(id, id, [1.0, 0.0, 0.0], 1));
    warehouse.merge_embeddings(&table(), vec![gone.clone(), kept]).await.unwrap();
    let before = check(warehouse, &["gone", "kept", "heir"], &["gone", "kept"], 0).await;
    assert_eq!(warehouse.undo_forget(&keys(&["gone"])).await.unwrap(), HashSet::new());
    assert_eq!(warehouse.tombstones().await.unwrap(), []);

    let wanted = keys(&["gone", "never", HOSTILE, "7"]);
    foreign(
        "CREATE TABLE numbered AS SELECT 'MCF' AS Source, 7 AS Job_Id, 'of another program' AS note".into(),
    )
    .await;
    let traces = warehouse.trace(&wanted).await.unwrap();
    let of = |table: &str, rows: u64| Forgotten { table: table.into(), rows };
    let masked = of(&table().masked().name, 0);
    let tables = [of("cleaned_jobs", 1), of(&table().name, 1), masked.clone(), of("numbered", 1)];
    assert_eq!(traces.tables, tables);
    assert_eq!((ids(traces.present.iter()), traces.forgotten.len()), (BTreeSet::from(["7", "gone"]), 0));
    assert_eq!(warehouse.forget(&wanted).await.unwrap(), tables);
    let after = check(warehouse, &["kept", "heir"], &["kept"], 0).await;
    assert_ne!(after, before);
    assert_eq!((count(warehouse, "forgotten_ads").await, count(warehouse, "numbered").await), (4, 0));

    // Rows that this program loads, and rows that others write: by a scrape, and by a run that had read the ad
    // before.
    let sightings = append(warehouse, &["gone", " gone\t", HOSTILE, "new"]).await;
    assert_eq!(sightings, Appended { sightings: 1, forgotten: 3 });
    foreign(sighting("gone", 2)).await;
    warehouse.merge_embeddings(&table(), vec![gone.clone()]).await.unwrap();
    assert_eq!(check(warehouse, &["kept", "heir", "new"], &["kept"], 1).await, after);
    let heir = warehouse.share_embeddings(&table(), SPACE, vec![shared("heir", "gone")], None).await.unwrap();
    assert_eq!(
        ids(heir.iter()),
        BTreeSet::from(["heir"]),
        "a vector of an ad that was taken down is not reused"
    );
    assert_eq!(warehouse.prune_embeddings(&scan()).await.unwrap(), 1);
    assert_eq!(warehouse.prune_embeddings(&scan()).await.unwrap(), 0);

    // Repeating the takedown changes nothing but removes rows that were written again.
    let moments = "SELECT job_id, forgotten_at FROM forgotten_ads ORDER BY job_id";
    let first = rows(warehouse, moments).await;
    let again = warehouse.forget(&wanted).await.unwrap();
    assert_eq!(again, [of("cleaned_jobs", 1), of(&table().name, 0), masked, of("numbered", 0)]);
    assert_eq!(rows(warehouse, moments).await, first);
    assert!(first.iter().all(|row| matches!(row[1], Cell::Timestamp(at) if at > moment(0))), "{first:?}");
    assert_eq!(
        warehouse.tombstones().await.unwrap().into_iter().collect::<HashSet<_>>(),
        wanted.iter().cloned().collect()
    );
    let traces = warehouse.trace(&keys(&["gone", "never", "kept"])).await.unwrap();
    assert_eq!(ids(traces.present.iter()), BTreeSet::from(["kept"]));
    assert_eq!(ids(traces.forgotten.iter()), BTreeSet::from(["gone", "never"]));

    // After the takedown is lifted, no row comes back, but the next sighting is stored.
    let lifted = warehouse.undo_forget(&keys(&["gone", "kept", HOSTILE])).await.unwrap();
    assert_eq!(ids(lifted.iter()), BTreeSet::from(["gone", HOSTILE]));
    assert_eq!(warehouse.undo_forget(&keys(&["gone"])).await.unwrap(), HashSet::new());
    assert_eq!(check(warehouse, &["kept", "heir", "new"], &["kept"], 0).await, after);
    assert_eq!(append(warehouse, &["never"]).await, Appended { sightings: 0, forgotten: 1 });
    foreign(sighting("gone", 3)).await;
    warehouse.merge_embeddings(&table(), vec![gone]).await.unwrap();
    check(warehouse, &["gone", "kept", "heir", "new"], &["gone", "kept"], 0).await;
}
