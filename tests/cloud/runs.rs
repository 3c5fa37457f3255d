//! Runs in BigQuery: their rows, and how killed runs are detected.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use common::job::Shard;
use common::runtime::{Function, Invocation, Progress, Report, Run};
use common::storage::warehouse::Cell;
use common::storage::{Access, open_warehouse};
use common::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::World;
use super::errors::execute;
use crate::support::proxy::Proxy;
use crate::support::{Running, command};

const FUNCTION: Function = Function { name: "embed-new-jobs", version: "0", about: "" };

/// Ids and statuses, oldest first.
async fn states(world: &World) -> Vec<(String, String)> {
    let warehouse = open_warehouse(&world.settings(), Access::Read).await.unwrap();
    let sql = "SELECT run_id, status FROM vw_runs ORDER BY started_at, run_id";
    let rows = warehouse.query(sql, &[]).await.unwrap().pages.try_collect::<Vec<_>>().await.unwrap().concat();
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?} is not text"),
    };
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}

async fn state(world: &World, run_id: &str) -> String {
    let found = states(world).await.into_iter().find(|(id, _)| id == run_id);
    found.map(|(_, status)| status).unwrap_or_default()
}

async fn wait_for_state(world: &World, run_id: &str, expected: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    while state(world, run_id).await != expected {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{run_id} did not become {expected}: {:?}",
            states(world).await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn embed(world: &World, more: &[(&str, &str)]) -> Running {
    let mut command = command("embed-new-jobs");
    command.envs(world.variables()).envs([("DEVICE", "cpu"), ("THREADS", "1"), ("LOG_FORMAT", "json")]);
    Running::start(command.envs(more.iter().copied()))
}

/// A dataset with enough ads that a run does not finish before a test stops it.
async fn world_with_ads() -> Option<World> {
    let world = World::on_emulators()?;
    drop(world.warehouse().await);
    let mut generate = command("jobctl");
    generate.envs(world.variables()).args(["generate", "--jobs", "1500", "--seed", "3"]);
    let ended = Running::start(&mut generate).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Creates the view, which the tests query before the first run.
    world.warehouse().await.create_runs().await.unwrap();
    Some(world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_task_is_recorded_as_abandoned_and_a_live_one_is_not() {
    let Some(world) = world_with_ads().await else { return };
    let task = |index: &'static str, attempt: &'static str| {
        let task = [("CLOUD_RUN_TASK_INDEX", index), ("CLOUD_RUN_TASK_ATTEMPT", attempt)];
        let job =
            [("CLOUD_RUN_JOB", "embed"), ("CLOUD_RUN_EXECUTION", "monday"), ("CLOUD_RUN_TASK_COUNT", "2")];
        embed(&world, &[&task[..], &job[..]].concat())
    };
    let (mut neighbour, mut killed) = (task("0", "0"), task("1", "0"));
    let (lives, dies) = (neighbour.wait_for_run(), killed.wait_for_run());
    wait_for_state(&world, &lives, "running").await;
    wait_for_state(&world, &dies, "running").await;
    drop(killed);
    let mut again = task("1", "1");
    let second = again.wait_for_run();
    wait_for_state(&world, &dies, "abandoned").await;
    wait_for_state(&world, &second, "running").await;
    assert_eq!(state(&world, &lives).await, "running", "its lease has not expired");
    for (run, run_id) in [(neighbour, lives), (again, second)] {
        run.terminate();
        let ended = run.end();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.seconds < 10.0, "{ended:?}");
        assert_eq!(state(&world, &run_id).await, "interrupted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_local_run_is_recorded_as_abandoned_when_its_lease_has_expired() {
    let Some(world) = world_with_ads().await else { return };
    let mut killed = embed(&world, &[]);
    let dies = killed.wait_for_run();
    wait_for_state(&world, &dies, "running").await;
    drop(killed);
    let limit = |limit: &str| {
        let mut run = command("embed-new-jobs");
        run.envs(world.variables())
            .envs([("DEVICE", "cpu"), ("THREADS", "1")])
            .args(["--once", "--limit", limit]);
        let ended = Running::start(&mut run).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    };
    limit("1");
    assert_eq!(state(&world, &dies).await, "running", "its lease has not expired");
    let store = world.artifacts();
    let name = format!("runs/embed-new-jobs/local-{dies}.json");
    let (bytes, generation) = store.get(&name).await.unwrap().expect("its lease");
    let mut lease: Value = serde_json::from_slice(&bytes).unwrap();
    lease["expires_at"] = json!(Utc::now() - TimeDelta::seconds(1));
    store.compare_and_set(&name, lease.to_string().into_bytes().into(), Some(&generation)).await.unwrap();
    limit("2");
    assert_eq!(state(&world, &dies).await, "abandoned");
    let left = store.list("runs/embed-new-jobs/local-").await.unwrap();
    assert_eq!(left.len(), 1, "runs that ended left their leases: {left:?}");
}

#[derive(Debug, Serialize)]
struct Done;

impl Report for Done {
    fn is_interrupted(&self) -> bool {
        false
    }
}

fn invocation(run_id: &str) -> Invocation<()> {
    Invocation {
        run_id: run_id.to_owned(),
        started_at: Utc::now(),
        options: (),
        shard: Shard::ALL,
        dry_run: false,
        shutdown: CancellationToken::new(),
        lease: None,
        progress: Progress::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_cannot_be_recorded_fails_the_run() {
    let Some(world) = World::on_emulators() else { return };
    world.warehouse().await.create_jobs().await.unwrap();
    let proxy = Proxy::start(&world.bigquery, 0, 0, Duration::ZERO).await;
    let watched = World { bigquery: proxy.url.clone(), timeout_s: 1, ..world };
    let warehouse = open_warehouse(&watched.settings(), Access::Write).await.unwrap();
    for (run_id, outcome) in [("done", Ok(Done)), ("failed", Err(Error::internal("the model broke")))] {
        proxy.cut(false);
        let invocation = invocation(run_id);
        let work = async {
            proxy.cut(true);
            outcome
        };
        let error: Result<Done> = Run::of(FUNCTION, &invocation).recorded(warehouse.as_ref(), work).await;
        let error = error.unwrap_err();
        if run_id == "done" {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(
                error
                    .to_string()
                    .starts_with("the run succeeded, but its end could not be recorded in ml_runs"),
                "{error}"
            );
        } else {
            assert_eq!(error.to_string(), "the model broke");
        }
    }
    proxy.cut(false);
    let shown: Vec<String> =
        warehouse.running_runs().await.unwrap().into_iter().map(|run| run.run_id).collect();
    assert_eq!(shown, ["done", "failed"]);
}

#[tokio::test]
async fn a_table_of_an_earlier_version_gets_missing_columns_and_its_rows_are_the_oldest() {
    let Some(world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    warehouse.create_jobs().await.unwrap();
    execute(
        &world,
        "CREATE TABLE ml_runs (function STRING NOT NULL, run_id STRING NOT NULL, started_at TIMESTAMP NOT NULL, \
         finished_at TIMESTAMP, status STRING NOT NULL, report STRING NOT NULL, code_version STRING NOT NULL)",
    );
    let timestamp = "TIMESTAMP '2025-01-01 00:00:00+00'";
    execute(
        &world,
        &format!(
            "INSERT INTO ml_runs VALUES ('f', 'ended', {timestamp}, {timestamp}, 'failed', '{{}}', '0'), \
             ('f', 'killed', {timestamp}, NULL, 'running', 'null', '0')"
        ),
    );
    for _ in 0..2 {
        warehouse.create_runs().await.unwrap();
    }
    let expected = [("ended", "failed"), ("killed", "running")];
    let expected = expected.map(|(run_id, status)| (run_id.to_owned(), status.to_owned()));
    assert_eq!(states(&world).await, expected);
    let mut killed = warehouse.running_runs().await.unwrap().remove(0);
    assert_eq!(killed.recorded_at, killed.started_at);
    killed.status = common::storage::warehouse::RunStatus::Abandoned;
    warehouse.record_runs(&[killed]).await.unwrap();
    assert_eq!(state(&world, "killed").await, "abandoned");
}
