//! An index with low recall is not published.
//!
//! The vectors are random: the hardest case for a graph, and fast to generate.

use chrono::DateTime;
use common::embedding::identity;
use common::job::{ContentHash, Shard, embedding_text};
use common::storage::warehouse::{EmbeddingRow, EmbeddingTable, JobScan};
use futures::TryStreamExt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::assert_refused;
use crate::support::{Market, ad};

/// More than the number of texts that are always searched exactly.
const ADS: u32 = 5_000;

/// Loads ads with distinct texts, each with a random vector.
async fn fill(market: &Market) {
    let title = |n: u32| json!(format!("Keeper of lighthouse {n}"));
    market.load(&(0..ADS).map(|n| ad(&n.to_string(), title(n), Value::Null, 1)).collect::<Vec<_>>());
    let warehouse = market.warehouse().await;
    let identity = identity(&market.read_settings()).unwrap();
    let table = EmbeddingTable::of_model(&identity.model_name, identity.dimension);
    warehouse.create_embeddings(&table).await.unwrap();
    let scan = JobScan { embeddings: table.clone(), shard: Shard::ALL, source: None };
    let ads = warehouse.scan_jobs(scan).try_collect::<Vec<_>>().await.unwrap().concat();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let rows: Vec<EmbeddingRow> = ads
        .into_iter()
        .filter_map(|ad| {
            let text = embedding_text(ad.title.as_deref(), ad.description.as_deref())?;
            Some((ad, text))
        })
        .map(|(ad, text)| EmbeddingRow {
            key: ad.key,
            embedding: unit(&mut random, identity.dimension),
            model_name: identity.model_name.clone(),
            created_at: DateTime::UNIX_EPOCH,
            embedding_space: identity.embedding_space.clone(),
            model_version: identity.model_version.clone(),
            content_hash: ContentHash::of(&text),
            filters: ad.filters,
        })
        .collect();
    let refused = warehouse.merge_embeddings(&table, rows).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

fn unit(random: &mut ChaCha8Rng, dimension: usize) -> Vec<f32> {
    let vector: Vec<f32> = (0..dimension).map(|_| random.random_range(-1.0_f32..1.0)).collect();
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.into_iter().map(|value| value / length).collect()
}

#[tokio::test]
async fn an_index_with_low_recall_is_not_published() {
    let market = Market::empty();
    fill(&market).await;
    let exact = market.indexed(&["--graph-texts", "100000"]);
    assert_eq!((&exact["champion"], &exact["index"]["has_graph"]), (&json!("v1"), &json!(false)), "{exact}");
    let refused = market.index(&["--force", "--graph-texts", "1000", "--min-recall", "1"]);
    assert_refused(&refused, 1, &["recall@10 is 0.", "less than 1", "not published", "--min-recall"]);
    let registry = market.registry();
    assert_eq!(registry.versions().await.unwrap(), ["v1"]);
    assert_eq!(registry.champion().await.unwrap().unwrap().version, "v1");
    // An extended index with low recall is rebuilt from scratch before it is refused, because there may be no
    // operator to ask for that.
    market.indexed(&["--force", "--graph-texts", "1000", "--min-recall", "0.1"]);
    let regrown = market.index(&["--force", "--graph-texts", "1000", "--min-recall", "1"]);
    assert_refused(&regrown, 1, &["less than 1", "not published"]);
    assert!(regrown.stderr.contains("grown from the last one"), "{}", regrown.stderr);
    assert_eq!(registry.versions().await.unwrap(), ["v1", "v2"]);
    // The failed run is recorded.
    let failed = "SELECT count(*) FROM vw_runs WHERE function = 'build-vector-index' AND status = 'failed'";
    assert_eq!(market.count(failed), 2);
    // The failed run leaves no files.
    let left = std::fs::read_dir(market.index_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    assert!(left.iter().all(|name| name.starts_with("v1-") || name.starts_with("v2-")), "{left:?}");
}
