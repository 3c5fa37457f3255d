//! Contract of [`crate::warehouse::RunStore`]: states are appended, and the view shows one state for each run.

use common_core::job::Timestamp;
use serde_json::{Value, json};

use super::{count, moment, rows};
use crate::warehouse::RunStatus::{self, Abandoned, Failed, Interrupted, Running, Succeeded};
use crate::warehouse::{Cell, RunRecord, Warehouse};

pub(super) async fn suite(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    warehouse.create_runs().await.unwrap();
    all_states_are_kept_and_the_view_shows_one(warehouse).await;
    a_run_that_was_killed_is_found(warehouse).await;
}

fn state(run_id: &str, status: RunStatus, recorded: i64) -> RunRecord {
    let recorded_at = moment(recorded);
    RunRecord {
        function: "embed-new-jobs".into(),
        run_id: run_id.into(),
        started_at: moment(0),
        finished_at: matches!(status, Succeeded | Interrupted | Failed).then_some(recorded_at),
        status,
        report: json!({ "note": format!("it's \"{status}\" \u{1F6E0}") }),
        code_version: "0".into(),
        recorded_at,
    }
}

/// Status, end and report of a run in the view.
async fn shown(warehouse: &dyn Warehouse, run_id: &str) -> Vec<(String, Option<Timestamp>, Value)> {
    let sql = format!("SELECT status, finished_at, report FROM vw_runs WHERE run_id = '{run_id}'");
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?} is not text"),
    };
    let rows = rows(warehouse, &sql).await;
    let row = |row: &Vec<Cell>| {
        let finished_at = if let Cell::Timestamp(moment) = row[1] { Some(moment) } else { None };
        (text(&row[0]), finished_at, serde_json::from_str(&text(&row[2])).unwrap())
    };
    rows.iter().map(row).collect()
}

async fn all_states_are_kept_and_the_view_shows_one(warehouse: &dyn Warehouse) {
    // In the order of writing, which must not matter.
    #[allow(clippy::type_complexity)] // The type is used only here.
    let cases: [(&str, &[(RunStatus, i64)], RunStatus); 9] = [
        ("whole", &[(Running, 1), (Succeeded, 2)], Succeeded),
        ("backwards", &[(Failed, 2), (Running, 1)], Failed),
        ("at once", &[(Succeeded, 1), (Running, 1)], Succeeded),
        ("killed", &[(Running, 1), (Abandoned, 2)], Abandoned),
        ("killed at once", &[(Abandoned, 1), (Running, 1)], Abandoned),
        ("thought dead", &[(Running, 1), (Abandoned, 5), (Interrupted, 3)], Interrupted),
        ("thought dead twice", &[(Abandoned, 4), (Succeeded, 3), (Abandoned, 9), (Running, 1)], Succeeded),
        ("two ends", &[(Failed, 3), (Interrupted, 2)], Failed),
        ("under way", &[(Running, 1)], Running),
    ];
    let mut written = 0;
    for (run_id, states, expected) in cases {
        let states: Vec<RunRecord> = states.iter().map(|(status, at)| state(run_id, *status, *at)).collect();
        let latest = states.iter().find(|state| state.status == expected).unwrap();
        let one_by_one = written % 2 == 0;
        if one_by_one {
            for state in &states {
                warehouse.record_runs(std::slice::from_ref(state)).await.unwrap();
            }
        } else {
            warehouse.record_runs(&states).await.unwrap();
        }
        written += i64::try_from(states.len()).unwrap();
        let all = shown(warehouse, run_id).await;
        let [(ending, finished_at, report)] = &all[..] else { panic!("{run_id}: {all:?}") };
        assert_eq!(ending, expected.as_str(), "{run_id}");
        assert_eq!(*finished_at, latest.finished_at, "{run_id}");
        // Of two `abandoned` states, the later one.
        assert_eq!(*report, latest.report, "{run_id}");
    }
    assert_eq!(count(warehouse, "ml_runs").await, written, "every state is kept");
    assert_eq!(count(warehouse, "vw_runs").await, i64::try_from(cases.len()).unwrap());
}

async fn a_run_that_was_killed_is_found(warehouse: &dyn Warehouse) {
    let running = warehouse.running_runs().await.unwrap();
    assert_eq!(running, [state("under way", Running, 1)]);
}
