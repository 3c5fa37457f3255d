use super::*;
use crate::contract;
use crate::warehouse::JobStore;

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
