//! Contract of the latest sighting of an ad: the view and all page scans agree.

use common_core::job::{ContentHash, JobKey, Shard};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::{Foreign, SPACE, candidates, key, row, rows};
use crate::warehouse::{Cell, EmbeddingRow, EmbeddingTable, IndexedAd, JobScan, Warehouse};

/// A sighting: scrape and load moments as days of January 2024, title, description, company.
type Seen = (Option<u32>, Option<u32>, Option<&'static str>, Option<&'static str>, &'static str);

/// Sightings of each case in the order of writing, and which of them is the latest; `None` if only the greater hash
/// decides.
const CASES: [(&str, &[Seen], Option<usize>); 10] = [
    ("once", &[(Some(1), None, Some("Cook"), None, "A")], Some(0)),
    ("later", &[(Some(2), None, Some("B"), None, "A"), (Some(1), Some(9), Some("Z"), None, "A")], Some(0)),
    (
        "loaded",
        &[(Some(1), Some(3), Some("B"), None, "A"), (Some(1), Some(2), Some("Z"), None, "A")],
        Some(0),
    ),
    ("unloaded", &[(Some(1), None, Some("Z"), None, "A"), (Some(1), Some(1), Some("B"), None, "A")], Some(1)),
    ("unseen", &[(None, Some(9), Some("Z"), None, "A"), (Some(1), None, Some("B"), None, "A")], Some(1)),
    (
        "title",
        &[
            (Some(1), None, Some("B"), Some("a"), "A"),
            (Some(1), None, Some("C"), None, "A"),
            (Some(1), None, None, Some("z"), "A"),
            (Some(1), None, Some(""), Some("z"), "A"),
        ],
        Some(1),
    ),
    (
        "description",
        &[
            (None, None, Some("B"), None, "A"),
            (None, None, Some("B"), Some("é"), "A"),
            (None, None, Some("B"), Some("z"), "A"),
        ],
        Some(1),
    ),
    ("empty", &[(Some(1), Some(1), None, None, "A"), (Some(1), Some(1), Some(""), None, "A")], Some(1)),
    (
        "hash",
        &[
            (Some(1), None, Some("B"), Some("b"), "Ümlaut & Co"),
            (Some(1), None, Some("B"), Some("b"), "Plain Ltd"),
            (Some(1), None, Some("B"), Some("b"), "Third"),
        ],
        None,
    ),
    (
        "repeated",
        &[(Some(1), None, Some("B"), Some("b"), "A"), (Some(1), None, Some("B"), Some("b"), "A")],
        Some(0),
    ),
];

/// Hash of a sighting whose only other column with a value is the company.
fn hash(company: &str) -> String {
    hex::encode(Sha256::digest(format!("={company}\n\n\n\n\n\n\n400050\n")))
}

fn expected(seen: &[Seen], latest: Option<usize>) -> Seen {
    latest.map_or_else(|| *seen.iter().max_by_key(|sighting| hash(sighting.4)).unwrap(), |place| seen[place])
}

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/latest", 3)
}

fn insert(source: &str, id: &str, (seen, loaded, title, description, company): Seen) -> String {
    let text = |text: Option<&str>| {
        text.map_or_else(|| "NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
    };
    let moment = |day: Option<u32>| {
        day.map_or_else(
            || "CAST(NULL AS TIMESTAMP)".to_owned(),
            |day| format!("TIMESTAMP '2024-01-0{day} 00:00:00'"),
        )
    };
    format!(
        "INSERT INTO cleaned_jobs (source, job_id, scrape_timestamp, bq_timestamp, job_title, job_description, company_name, \
         job_salary_min_sgd_monthly) VALUES ({source}, {id}, {}, {}, {}, {}, {}, 4000.5)",
        moment(seen),
        moment(loaded),
        text(title),
        text(description),
        text(Some(company))
    )
}

/// Tests that `vw_latest_jobs` and the pages of [`crate::warehouse::JobStore::scan_jobs`] and
/// [`crate::warehouse::EmbeddingStore::scan_ads`] return the same sightings. `cleaned_jobs` of `warehouse` must be
/// that of [`super::OTHERS`], and empty.
pub async fn latest_sightings(warehouse: &dyn Warehouse, foreign: Foreign<'_>) {
    warehouse.create_embeddings(&table()).await.unwrap();
    for (id, seen, _) in CASES {
        for sighting in seen {
            foreign(insert("'MCF'", &format!("'{id}'"), *sighting)).await;
        }
    }
    let plain: Seen = (Some(1), None, Some("Nameless"), None, "A");
    for (source, id) in
        [("NULL", "'x'"), ("'MCF'", "NULL"), ("''", "'x'"), ("'MCF'", "''"), ("'MCF'", "'gone'")]
    {
        foreign(insert(source, id, plain)).await;
    }
    warehouse.forget(&[key("gone")]).await.unwrap();
    foreign(insert("'MCF'", "'gone'", plain)).await;
    let embedded: Vec<EmbeddingRow> = CASES.map(|(id, ..)| row(id, id, [1.0, 0.0, 0.0], 1)).into();
    warehouse.merge_embeddings(&table(), embedded).await.unwrap();

    let mut wanted: Vec<(String, Seen)> =
        CASES.map(|(id, seen, latest)| (id.to_owned(), expected(seen, latest))).into();
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Null => None,
        other => panic!("{other:?}"),
    };
    let sql = "SELECT job_id, job_title, job_description, company_name FROM vw_latest_jobs ORDER BY job_id";
    let shown: Vec<_> = rows(warehouse, sql)
        .await
        .iter()
        .map(|row| (text(&row[0]).unwrap(), text(&row[1]), text(&row[2]), text(&row[3]).unwrap()))
        .collect();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let latest: Vec<_> = wanted
        .iter()
        .map(|(id, (_, _, title, description, company))| {
            (id.clone(), owned(*title), owned(*description), (*company).to_owned())
        })
        .collect();
    assert_eq!(shown, latest, "the view");

    let scan = JobScan { embeddings: table(), shard: Shard::ALL, source: None };
    let mut found: Vec<_> = candidates(warehouse, scan.clone())
        .await
        .into_iter()
        .map(|ad| (ad.key.job_id, ad.title, ad.description))
        .collect();
    found.sort_unstable();
    let without_company: Vec<_> =
        latest.iter().cloned().map(|(id, title, description, _)| (id, title, description)).collect();
    assert_eq!(found, without_company, "scan_jobs");
    assert_eq!(warehouse.count_jobs(&scan).await.unwrap().ads, CASES.len() as u64);

    let pages: Vec<Vec<IndexedAd>> = warehouse.scan_ads(&table(), SPACE).try_collect().await.unwrap();
    let mut indexed: Vec<_> = pages
        .concat()
        .into_iter()
        .map(|ad| (ad.key.job_id, ad.job_title, ad.job_description, ad.company_name.unwrap()))
        .collect();
    indexed.sort_unstable();
    assert_eq!(indexed, latest, "scan_ads");

    searches_and_states_use_the_latest_sighting(warehouse, foreign).await;
}

async fn searches_and_states_use_the_latest_sighting(warehouse: &dyn Warehouse, foreign: Foreign<'_>) {
    let (_, seen, _) = CASES[8];
    let winner = expected(seen, None).4;
    for (.., company) in seen {
        let filter =
            common_core::job::JobFilter { company: vec![(*company).to_owned()], ..Default::default() };
        let query = crate::warehouse::VectorQuery {
            vector: vec![1.0, 0.0, 0.0],
            top_k: 99,
            filter,
            min_similarity: None,
        };
        let hits = warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap();
        let keys: Vec<&JobKey> = hits.iter().map(|hit| &hit.key).collect();
        assert_eq!(keys.contains(&&key("hash")), *company == winner, "{company}: {keys:?}");
    }
    // A further sighting that is not the latest does not change the state of an index; one that is the latest does.
    let state = async || warehouse.index_state(&table(), SPACE).await.unwrap();
    let before = state().await;
    assert_eq!((before.rows, before.ads), (10, 10));
    foreign(insert("'MCF'", "'title'", (Some(1), None, Some("A"), None, "Loser"))).await;
    assert_eq!(state().await, before);
    foreign(insert("'MCF'", "'title'", (Some(1), None, Some("D"), None, "Winner"))).await;
    assert_ne!(state().await.checksum, before.checksum);
    let hashes = [ContentHash::of("title")];
    assert_eq!(warehouse.known_texts(&table(), SPACE, &hashes, None).await.unwrap().len(), 1);
}

/// Tests that a `cleaned_jobs` that is a view is read like a table. `cleaned_jobs` of `warehouse` must be that of
/// [`super::OTHERS`], and empty. `foreign` replaces `{dataset}` by the prefix that table names need in a view.
pub async fn a_view_of_jobs(warehouse: &dyn Warehouse, foreign: Foreign<'_>) {
    for (id, seen, _) in CASES {
        for sighting in seen {
            foreign(insert("'MCF'", &format!("'{id}'"), *sighting)).await;
        }
    }
    foreign("CREATE TABLE seen_jobs AS SELECT * FROM cleaned_jobs".to_owned()).await;
    foreign("DROP TABLE cleaned_jobs".to_owned()).await;
    foreign("CREATE VIEW cleaned_jobs AS SELECT * FROM {dataset}seen_jobs".to_owned()).await;
    warehouse.create_embeddings(&table()).await.unwrap();
    let error = warehouse.create_jobs().await.unwrap_err();
    assert!(error.to_string().contains("is a view, and this program needs a table to add to"), "{error}");
    let embedded: Vec<EmbeddingRow> = CASES.map(|(id, ..)| row(id, id, [1.0, 0.0, 0.0], 1)).into();
    warehouse.merge_embeddings(&table(), embedded).await.unwrap();
    let scan = JobScan { embeddings: table(), shard: Shard::ALL, source: None };
    for _ in 0..2 {
        let mut found: Vec<_> = candidates(warehouse, scan.clone())
            .await
            .into_iter()
            .map(|ad| (ad.key.job_id, ad.title))
            .collect();
        found.sort_unstable();
        let mut wanted: Vec<_> = CASES
            .map(|(id, seen, latest)| (id.to_owned(), expected(seen, latest).2.map(str::to_owned)))
            .into();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }
    assert_eq!(warehouse.count_jobs(&scan).await.unwrap().ads, CASES.len() as u64);
    let pages: Vec<Vec<IndexedAd>> = warehouse.scan_ads(&table(), SPACE).try_collect().await.unwrap();
    assert_eq!(pages.concat().len(), CASES.len());
    let state = warehouse.index_state(&table(), SPACE).await.unwrap();
    assert_eq!((state.rows, state.ads), (10, 10));
    let filter = common_core::job::JobFilter { company: vec!["Third".into()], ..Default::default() };
    let query =
        crate::warehouse::VectorQuery { vector: vec![1.0, 0.0, 0.0], top_k: 9, filter, min_similarity: None };
    warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap();
    // Later sightings are read by the next scan.
    foreign(
        insert("'MCF'", "'newer'", (Some(1), None, Some("Newer"), None, "A"))
            .replace("cleaned_jobs", "seen_jobs"),
    )
    .await;
    assert_eq!(candidates(warehouse, scan.clone()).await.len(), CASES.len() + 1);
    assert_eq!(warehouse.prune_embeddings(&scan).await.unwrap(), 0);
    let gone = warehouse.forget(&[key("newer")]).await.unwrap();
    assert_eq!(gone.iter().find(|left| left.table == "seen_jobs").map(|left| left.rows), Some(1));
}
