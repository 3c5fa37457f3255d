//! The table's vector index in BigQuery: with too few rows, with enough rows, and only once.

use common::storage::warehouse::Cell;
use futures::TryStreamExt;
use serde_json::json;

use crate::cloud::World;
use crate::cloud::errors::execute;
use crate::support::Market;

/// Number of vector indexes of the table.
async fn indexes(market: &Market) -> i64 {
    let sql = "SELECT COUNT(*) FROM INFORMATION_SCHEMA.VECTOR_INDEXES WHERE table_name = 'job_embeddings'";
    let found =
        market.warehouse().await.query(sql, &[]).await.unwrap().pages.try_collect::<Vec<_>>().await.unwrap();
    match found.concat()[0][0] {
        Cell::Int(count) => count,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_creates_the_vector_index_once_the_table_has_enough_rows() {
    let Some(world) = World::on_emulators() else { return };
    let market = Market::on(&world);
    market.generate(20, &["--titles-only"]);
    let embedded = market.embedded(&["--threads", "1"])["statistics"]["count"].clone();
    assert!(embedded.as_u64() > Some(10), "{embedded}");
    let few = market.indexed(&[]);
    assert_eq!(few["warehouse_index"]["state"], "too_few_rows", "{few}");
    // Rows of another model: the table's vector index contains all of them, our index none.
    execute(
        &world,
        "INSERT INTO job_embeddings (source, job_id, embedding, model_name, created_at, embedding_space, model_version, content_hash) \
         SELECT 'MCF', CONCAT('other-', CAST(n AS STRING)), ARRAY(SELECT n + 0.5 FROM UNNEST(GENERATE_ARRAY(1, 384))), 'other', \
         CURRENT_TIMESTAMP(), 'other/space', 'other', 'hash' FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS n",
    );
    let none = market.indexed(&["--warehouse-index", "none"]);
    assert_eq!((&none["outcome"], &none["warehouse_index"]), (&json!("unchanged"), &json!(null)), "{none}");
    assert_eq!(indexes(&market).await, 0);
    // The first run creates the index, the second finds it and keeps it, whatever type it asks for. BigQuery does
    // not use an index of a table of a few megabytes, and both runs report that.
    for kind in ["ivf", "tree-ah"] {
        let report = market.indexed(&["--warehouse-index", kind]);
        let state = json!({ "state": "disabled", "reason": "TEMPORARILY DISABLED" });
        assert_eq!(
            (&report["outcome"], &report["warehouse_index"]),
            (&json!("unchanged"), &state),
            "{report}"
        );
        assert_eq!(indexes(&market).await, 1);
    }
}
