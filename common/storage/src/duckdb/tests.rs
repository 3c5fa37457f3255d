use common_core::job::Shard;
use futures::TryStreamExt;

use super::*;
use crate::contract;
use crate::warehouse::{EmbeddingStore, EmbeddingTable, JobScan, JobStore};

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_keeps_the_contract_of_every_role() {
    for (role, suite) in contract::SUITES {
        eprintln!("{role}");
        let folder = tempfile::tempdir().unwrap();
        let warehouse = DuckDb::open(&folder.path().join("new/jobs.duckdb"), Access::Create).await.unwrap();
        suite(&warehouse).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
    contract::vector_search(&warehouse).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_keeps_the_contract_of_takedowns() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
    let foreign = async |sql: String| warehouse.write(move |c| Ok(c.execute_batch(&sql)?)).await.unwrap();
    contract::takedowns(&warehouse, &|sql| Box::pin(foreign(sql))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_others_are_read_and_written_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.duckdb");
    let engine = Connection::open(&path).unwrap();
    for (table, columns) in contract::OTHERS {
        let columns = columns
            .replace("{text}", "VARCHAR")
            .replace("{moment}", "TIMESTAMP")
            .replace("{number}", "DOUBLE")
            .replace("{vector}", "FLOAT[3]")
            .replace("{tenant}", "tenant VARCHAR NOT NULL DEFAULT 'mine'");
        engine.execute_batch(&format!("CREATE TABLE {table} ({columns})")).unwrap();
    }
    engine
        .execute_batch(
            "INSERT INTO job_embeddings (source, job_id, tenant, created_at, embedding, content_hash, embedding_space) \
             VALUES ('MCF', 'owned', 'theirs', TIMESTAMP '2020-01-01', [0, 0, 1], 'stale', 'old')",
        )
        .unwrap();
    drop(engine);
    let warehouse = DuckDb::open(&path, Access::Write).await.unwrap();
    contract::tables_of_others(&warehouse, crate::warehouse::Cell::Text("mine".into())).await;
    drop(warehouse);

    let engine = Connection::open(&path).unwrap();
    engine.execute_batch("ALTER TABLE cleaned_jobs ADD COLUMN owner VARCHAR").unwrap();
    engine
        .execute_batch("DELETE FROM cleaned_jobs; ALTER TABLE cleaned_jobs ALTER owner SET NOT NULL")
        .unwrap();
    drop(engine);
    let warehouse = DuckDb::open(&path, Access::Write).await.unwrap();
    let error = warehouse.create_jobs().await.unwrap_err().to_string();
    assert!(error.contains("column owner of table cleaned_jobs is NOT NULL and has no default"), "{error}");
}

/// A file with a `cleaned_jobs` that another program created; all its columns are nullable.
async fn jobs_of_others(folder: &tempfile::TempDir) -> DuckDb {
    let path = folder.path().join("jobs.duckdb");
    let engine = Connection::open(&path).unwrap();
    let (table, columns) = contract::OTHERS[0];
    let columns = columns
        .replace("{text}", "VARCHAR")
        .replace("{moment}", "TIMESTAMP")
        .replace("{number}", "DOUBLE")
        .replace("{tenant}", "tenant VARCHAR");
    engine.execute_batch(&format!("CREATE TABLE {table} ({columns})")).unwrap();
    drop(engine);
    DuckDb::open(&path, Access::Write).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_and_the_pages_have_the_same_sightings() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = jobs_of_others(&folder).await;
    let foreign = async |sql: String| warehouse.write(move |c| Ok(c.execute_batch(&sql)?)).await.unwrap();
    contract::latest_sightings(&warehouse, &|sql| Box::pin(foreign(sql))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_jobs_is_read_like_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = jobs_of_others(&folder).await;
    let foreign = async |sql: String| {
        let sql = sql.replace("{dataset}", "");
        warehouse.write(move |c| Ok(c.execute_batch(&sql)?)).await.unwrap();
    };
    contract::a_view_of_jobs(&warehouse, &|sql| Box::pin(foreign(sql))).await;
}

/// A file that was loaded twice, and a placeholder id with one moment: all of an ad's sightings tie.
#[tokio::test(flavor = "multi_thread")]
async fn ties_are_broken_in_the_memory_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = jobs_of_others(&folder).await;
    let insert = |id: &str, title: &str, rows: u32| {
        format!(
            "INSERT INTO cleaned_jobs (source, job_id, scrape_timestamp, job_title, job_description) \
             SELECT 'MCF', {id}, TIMESTAMP '2024-01-01', {title}, repeat(md5(i::VARCHAR), 90) FROM range({rows}) AS ads(i)"
        )
    };
    let twice = insert("i::VARCHAR", "'title'", 4096);
    for sql in [twice.clone(), twice, insert("'N/A'", "lpad(i::VARCHAR, 4, '0')", 5000)] {
        warehouse.write(move |c| Ok(c.execute_batch(&sql)?)).await.unwrap();
    }
    drop(warehouse);
    let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Write).await.unwrap();
    let table = EmbeddingTable::of_model("Memory", 3);
    warehouse.create_embeddings(&table).await.unwrap();
    let scan = JobScan { embeddings: table.clone(), shard: Shard::ALL, source: None };
    let pages: Vec<_> = warehouse.scan_jobs(scan).try_collect().await.unwrap();
    let ads = pages.concat();
    assert_eq!(ads.len(), 4097);
    let placeholder = ads.iter().find(|ad| ad.key.job_id == "N/A").unwrap();
    assert_eq!(placeholder.title.as_deref(), Some("4999"));
    let state = warehouse.index_state(&table, "space").await.unwrap();
    assert_eq!(state.ads, 0);
}
