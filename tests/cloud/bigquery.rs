//! Requests to BigQuery: what is repeated, and what an answer means that is not BigQuery's.

use std::sync::Arc;
use std::time::Duration;

use common::job::{JobKey, Shard};
use common::settings::from_variables;
use common::storage::warehouse::{Cell, ColumnType, EmbeddingTable, JobScan, RunRecord, RunStatus};
use common::storage::{Access, Warehouse, open_warehouse};
use common::{Error, ErrorKind};
use futures::TryStreamExt;

use super::World;
use super::errors::execute;
use crate::support::proxy::{Fault, Proxy};
use crate::support::unique;

/// The timeout of an attempt: the emulator answers within it on a busy machine, too.
const TIMEOUT_S: u64 = 8;

/// The delay of a late response, longer than the timeout of the client.
const LATE: Duration = Duration::from_secs(TIMEOUT_S + 1);

/// A new warehouse with its tables, through a proxy.
async fn behind_proxy() -> Option<(World, Proxy, Arc<dyn Warehouse>)> {
    let world = World::on_emulators()?;
    let direct = world.warehouse().await;
    direct.create_jobs().await.unwrap();
    direct.create_runs().await.unwrap();
    let proxy = Proxy::start(&world.bigquery, 0, 0, LATE).await;
    let host = world.bigquery.clone();
    let watched = World { bigquery: proxy.url.clone(), timeout_s: TIMEOUT_S, ..world };
    let warehouse = open_warehouse(&watched.settings(), Access::Write).await.unwrap();
    Some((World { bigquery: host, ..watched }, proxy, warehouse))
}

fn scan() -> JobScan {
    JobScan { embeddings: EmbeddingTable::of_model("m", 3), shard: Shard::ALL, source: None }
}

fn run(id: &str) -> RunRecord {
    let moment = chrono::DateTime::from_timestamp_micros(1_700_000_000_123_457).unwrap();
    RunRecord {
        function: "embed-new-jobs".into(),
        run_id: id.into(),
        started_at: moment,
        finished_at: None,
        status: RunStatus::Running,
        report: serde_json::json!({}),
        code_version: "1".into(),
        recorded_at: moment,
    }
}

/// Cells of a query as text.
async fn cells(warehouse: &dyn Warehouse, sql: &str) -> Vec<Vec<Cell>> {
    let answer = warehouse.query(sql, &[]).await.unwrap();
    answer.pages.try_collect::<Vec<_>>().await.unwrap().concat()
}

#[tokio::test]
async fn a_statement_whose_answer_was_lost_runs_once() {
    let Some((_, proxy, warehouse)) = behind_proxy().await else { return };
    // The repeated insertion of the job is told that the job exists.
    let lost = [Fault::CutAfter, Fault::Truncated, Fault::TooLate];
    for (n, fault) in lost.into_iter().enumerate() {
        proxy.force(&[fault]);
        warehouse.record_runs(&[run(&n.to_string())]).await.unwrap();
    }
    assert_eq!(proxy.seen(), lost);
    let count = cells(warehouse.as_ref(), "SELECT COUNT(*), COUNT(DISTINCT run_id) FROM ml_runs").await;
    assert_eq!(count, [[Cell::Int(3), Cell::Int(3)]]);
    // Moments keep their microseconds.
    let running = warehouse.running_runs().await.unwrap();
    assert_eq!((running.len(), &running[0]), (3, &run(&running[0].run_id)));
}

#[tokio::test]
async fn answers_of_a_front_end_are_survived_or_named() {
    let Some((_, proxy, warehouse)) = behind_proxy().await else { return };
    for fault in [
        Fault::HtmlPage,
        Fault::HtmlForbidden,
        Fault::HtmlNotFound,
        Fault::UnauthorizedFrontEnd,
        Fault::TooManyPlain,
        Fault::Silent,
    ] {
        let faults = [fault; 2];
        let before = proxy.seen().len();
        proxy.force(&faults);
        warehouse.count_jobs(&scan()).await.unwrap_or_else(|error| panic!("{fault:?}: {}", error.chain()));
        assert_eq!(proxy.seen()[before..], faults);
    }
}

#[tokio::test]
async fn answers_that_never_become_better_are_named() {
    let Some(world) = World::on_emulators() else { return };
    let named = async |(fault, kind, words): (Fault, ErrorKind, &str)| {
        let proxy = Proxy::start(&world.bigquery, 0, 0, LATE).await;
        proxy.force(&[fault; 100]);
        let mut variables = world.variables();
        variables.push(("BIGQUERY_EMULATOR_HOST".into(), proxy.url.clone()));
        variables.push(("REQUEST_TIMEOUT_S".into(), "1".into()));
        let settings = from_variables(variables).expect("settings");
        let error = open_warehouse(&settings, Access::Write).await.map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{fault:?}: {text}");
        assert!(text.starts_with("opening dataset ") && text.contains(" tries: "), "{text}");
        assert!(text.contains(words), "{fault:?}: {text}");
    };
    let all = [
        (Fault::HtmlPage, ErrorKind::Unavailable, "HTTP 502"),
        (Fault::HtmlForbidden, ErrorKind::Forbidden, "HTTP 403"),
        (Fault::HtmlNotFound, ErrorKind::Unavailable, "HTTP 404"),
        (Fault::UnauthorizedFrontEnd, ErrorKind::Forbidden, "HTTP 401"),
        (Fault::TooManyPlain, ErrorKind::Unavailable, "HTTP 429"),
        (Fault::Silent, ErrorKind::Unavailable, ": no answer in time: try again"),
        (Fault::Unavailable, ErrorKind::Unavailable, "HTTP 503, Backend Error (backendError)"),
    ];
    futures::future::join_all(all.map(named)).await;
}

#[tokio::test]
async fn a_refusal_of_bigquery_is_not_repeated() {
    let Some((_, proxy, warehouse)) = behind_proxy().await else { return };
    warehouse.count_jobs(&scan()).await.unwrap();
    for (fault, kind, words) in [
        (Fault::Forbidden, ErrorKind::Forbidden, "bigquery.jobs.create permission"),
        (Fault::QuotaExceeded, ErrorKind::Exhausted, "request a higher quota"),
    ] {
        let before = proxy.seen().len();
        proxy.force(&[fault; 2]);
        let error = warehouse.count_jobs(&scan()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(proxy.seen()[before..], [fault]);
    }
}

/// An answer is classified by its reason and its status; names are part of the messages.
#[tokio::test]
async fn names_that_are_also_reasons_do_not_confuse() {
    for name in ["notFound", "job_exists", "accessDenied", "duplicate", "backendError", "bucket"] {
        let Some(world) = World::on_emulators() else { return };
        let world = World { warehouse_url: format!("bigquery://demo/{name}_{}", unique()), ..world };
        let missing = open_warehouse(&world.settings(), Access::Read).await.map(|_| ()).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
        let warehouse = world.warehouse().await;
        warehouse.create_jobs().await.unwrap();
        warehouse.create_jobs().await.unwrap();
        assert_eq!(warehouse.count_jobs(&scan()).await.unwrap().ads, 0);
        let failure = async |sql: &str| -> Error { warehouse.query(sql, &[]).await.map(|_| ()).unwrap_err() };
        assert_eq!(failure(&format!("SELECT * FROM {name}")).await.kind(), ErrorKind::NotFound);
        assert_eq!(
            failure(&format!("SELECT {name} FROM cleaned_jobs")).await.kind(),
            ErrorKind::InvalidInput
        );
    }
}

#[tokio::test]
async fn tables_of_other_programs_may_have_any_name_and_columns() {
    let Some((world, proxy, warehouse)) = behind_proxy().await else { return };
    execute(&world, "CREATE TABLE `other ads` (source STRING, job_id STRING, odd_column BYTES)");
    execute(&world, "INSERT INTO `other ads` VALUES ('MCF', '1', b'abc'), ('MCF', '2', NULL)");
    // A type that the client does not know.
    proxy.alter("odd_column", "\"BYTES\"", "\"RANGE\"");
    let key = JobKey { source: "MCF".into(), job_id: "1".into() };
    let removed = warehouse.forget(std::slice::from_ref(&key)).await.unwrap();
    let of_others = removed.iter().find(|removed| removed.table == "other ads");
    assert_eq!(of_others.map(|removed| removed.rows), Some(1), "{removed:?}");
    let answer = warehouse.query("SELECT odd_column FROM `other ads`", &[]).await.unwrap();
    assert_eq!(answer.columns, [("odd_column".to_owned(), ColumnType::Text)]);
    let rows = answer.pages.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(rows, [[Cell::Null]]);
}
