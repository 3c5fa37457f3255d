#![allow(clippy::unwrap_used)]

use common_storage::Access;
use common_storage::duckdb::DuckDb;
use common_storage::warehouse::{Cell, JobStore, OperatorQueries, RunStore};
use futures::future::pending;
use futures::stream;

use super::*;

const FUNCTION: Function = Function { name: "f", version: "1", about: "" };

#[derive(Debug, Serialize)]
struct Made {
    interrupted: bool,
}

impl Report for Made {
    fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}

/// A warehouse with a table of ads, and a shutdown token.
struct Market {
    _folder: tempfile::TempDir,
    warehouse: DuckDb,
    shutdown: CancellationToken,
}

impl Market {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
        warehouse.create_jobs().await.unwrap();
        Self { _folder: folder, warehouse, shutdown: CancellationToken::new() }
    }

    /// A run that has half a second to stop.
    async fn run(&self, run_id: &str, work: impl Future<Output = Result<Made>>) -> Result<Made> {
        let run = Run {
            function: FUNCTION,
            run_id,
            started_at: Utc::now(),
            shutdown: &self.shutdown,
            lease: None,
            limits: [Duration::from_millis(500), Duration::from_mins(1)],
        };
        run.recorded(&self.warehouse, work).await
    }

    /// Id, status and report of every run, the oldest first.
    async fn runs(&self) -> Vec<(String, String, String)> {
        let sql = "SELECT run_id, status, report FROM vw_runs ORDER BY started_at";
        let mut pages = self.warehouse.query(sql, &[]).await.unwrap().pages;
        let mut runs = Vec::new();
        while let Some(page) = pages.next().await {
            for row in page.unwrap() {
                let [Cell::Text(run_id), Cell::Text(status), Cell::Text(report)] = &row[..] else {
                    panic!("{row:?}")
                };
                runs.push((run_id.clone(), status.clone(), report.clone()));
            }
        }
        runs
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_returns_is_recorded_with_its_status() {
    let market = Market::new().await;
    market.run("whole", async { Ok(Made { interrupted: false }) }).await.unwrap();
    market.run("stopped", async { Ok(Made { interrupted: true }) }).await.unwrap();
    let error = market.run("refused", async { Err(Error::conflict("two of them")) }).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Conflict, "two of them"));
    // `Cancelled` without a shutdown is a failure.
    market.run("gave up", async { Err(Error::cancelled("no more")) }).await.unwrap_err();
    let expected = [
        ("whole", "succeeded", "{\"interrupted\":false}"),
        ("stopped", "interrupted", "{\"interrupted\":true}"),
        ("refused", "failed", "{\"error\":\"two of them\"}"),
        ("gave up", "failed", "{\"error\":\"no more\"}"),
    ];
    assert_eq!(market.runs().await, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_any_task_or_thread_is_a_failed_run() {
    let market = Market::new().await;
    let of_thread = || Error::internal("a thread ended early: broken thread");
    let error = market.run("work", async { panic!("broken {}", "work") }).await.unwrap_err();
    assert!(error.to_string().contains("broken work"), "{error}");
    let later = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let nothing: Vec<Made> = Vec::new();
        Ok::<_, Error>(nothing.into_iter().next().expect("broken later"))
    };
    market.run("later", later).await.unwrap_err();
    let blocking = async {
        let ended = tokio::task::spawn_blocking(|| panic!("broken blocking")).await;
        ended.map(|()| Made { interrupted: false }).map_err(|error| Error::internal(error.to_string()))
    };
    market.run("blocking", blocking).await.unwrap_err();
    let thread = async {
        let ended = std::thread::spawn(|| panic!("broken thread")).join();
        ended.map(|()| Made { interrupted: false }).map_err(|_| of_thread())
    };
    market.run("thread", thread).await.unwrap_err();
    // In the thread of the warehouse, during a transaction.
    let inside = async {
        let rows =
            stream::poll_fn(|_| -> std::task::Poll<Option<Result<Vec<_>>>> { panic!("broken inside") });
        market.warehouse.append_jobs(rows.boxed()).await?;
        Ok(Made { interrupted: false })
    };
    market.run("inside", inside).await.unwrap_err();
    let strange = async { std::panic::resume_unwind(Box::new(7)) };
    market.run("strange", strange).await.unwrap_err();
    let runs = market.runs().await;
    let ids: Vec<&str> = runs.iter().map(|(run_id, _, _)| run_id.as_str()).collect();
    assert_eq!(ids, ["work", "later", "blocking", "thread", "inside", "strange"]);
    for (run_id, status, report) in &runs {
        assert_eq!(status, "failed", "{run_id}");
        let is_named =
            run_id == "inside" || run_id == "strange" || report.contains(&format!("broken {run_id}"));
        assert!(is_named, "{run_id}: {report}");
    }
    market.run("next", async { Ok(Made { interrupted: false }) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_does_not_stop_is_dropped_and_its_run_is_interrupted() {
    let market = Market::new().await;
    let hanging = async {
        market.shutdown.cancel();
        pending().await
    };
    let error = market.run("hanging", hanging).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    let given_up = async { Err(Error::cancelled("asked to stop")) };
    assert_eq!(market.run("stopped", given_up).await.unwrap_err().kind(), ErrorKind::Cancelled);
    let states: Vec<_> =
        market.runs().await.into_iter().map(|(run_id, status, _)| (run_id, status)).collect();
    let expected = [("hanging", "interrupted"), ("stopped", "interrupted")];
    assert_eq!(states, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_duckdb_records_running_runs_as_abandoned() {
    let market = Market::new().await;
    market.warehouse.create_runs().await.unwrap();
    let killed = |run_id: &str| RunRecord {
        function: "another".to_owned(),
        run_id: run_id.to_owned(),
        // The clock of that process was ahead.
        started_at: Utc::now() + TimeDelta::hours(1),
        finished_at: None,
        status: RunStatus::Running,
        report: Value::Null,
        code_version: "0".to_owned(),
        recorded_at: Utc::now() + TimeDelta::hours(1),
    };
    market.warehouse.record_runs(&[killed("one"), killed("two")]).await.unwrap();
    market.run("next", async { Ok(Made { interrupted: false }) }).await.unwrap();
    let runs = market.runs().await;
    let states: Vec<_> = runs.iter().map(|(run_id, status, _)| (run_id.as_str(), status.as_str())).collect();
    assert_eq!(states[0], ("next", "succeeded"));
    assert_eq!(states.iter().filter(|(_, status)| *status == "abandoned").count(), 2, "{states:?}");
    assert!(runs[1].2.contains("next"), "{runs:?}");
}

/// The tables of runs require the table of ads; the error names the missing table.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_the_table_of_ads_fails_and_creates_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
    let market = Market { _folder: folder, warehouse, shutdown: CancellationToken::new() };
    let error = market.run("first", async { panic!("never reached") }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("cleaned_jobs"), "{error}");
    assert!(market.warehouse.tables().await.unwrap().is_empty());
}
