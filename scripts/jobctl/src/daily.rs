//! `jobctl daily`: the functions of a day in their order, which `infra/daily.json` has.
//!
//! Every step is idempotent: after a failure or a kill, the next chain does what is left. A lease keeps two chains apart.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use common::error::OnPath;
use common::runtime::exclusively;
use common::storage::registry::champions::MODELS;
use common::storage::registry::list;
use common::storage::settings::StorageSettings;
use common::storage::{ArtifactStore, open_artifacts};
use common::{Error, Result, feed};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::output;

/// The steps of the chain.
const STEPS: &str = include_str!("../../../infra/daily.json");
/// The lease that keeps two chains apart.
const LEASE: &str = "runs/daily/lease.json";

/// Run the functions of a day in order: embed, train (weekly), predict, index.
///
/// Prints one line of JSON for each step, and stops at the first step that fails. Run it again to do what is left.
#[derive(Debug, Args)]
pub(crate) struct DailyArgs {
    /// Train fast when models are due: no search, fewer folds, models and trees
    #[arg(long)]
    quick: bool,
    /// Train now, even if the last models are younger than a week
    #[arg(long, conflicts_with = "no_train")]
    train: bool,
    /// Do not train, even if models are due
    #[arg(long)]
    no_train: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chain {
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    function: String,
    /// Only if the newest model is as old as this.
    every_days: Option<i64>,
}

/// What became of a step, as one line of JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    step: &'a str,
    function: &'a str,
    status: &'a str,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Value>,
}

pub(crate) async fn run(settings: &StorageSettings, args: DailyArgs) -> Result<()> {
    let chain: Chain = serde_json::from_str(STEPS)
        .map_err(|error| Error::internal("infra/daily.json is invalid").caused_by(error))?;
    let programs = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
    let store = open_artifacts(settings)?;
    let day = Day { chain, args, programs, store: Arc::clone(&store) };
    let id = format!("daily-{}-{}", Utc::now().format("%Y%m%dT%H%M%S"), std::process::id());
    exclusively(store, LEASE, &id, day.run()).await
}

/// One chain.
struct Day {
    chain: Chain,
    args: DailyArgs,
    /// Folder of the functions' programs: that of this program.
    programs: PathBuf,
    store: Arc<dyn ArtifactStore>,
}

impl Day {
    async fn run(&self) -> Result<()> {
        for step in &self.chain.steps {
            let started = Instant::now();
            let line = Line {
                step: &step.name,
                function: &step.function,
                status: "skipped",
                seconds: 0.0,
                reason: None,
                run_id: None,
                report: None,
            };
            if let Some(reason) = self.reason_to_skip(step).await? {
                print(&Line { reason: Some(reason), ..line })?;
                continue;
            }
            let Ended { code, answer } = self.start(step).await?;
            let seconds = started.elapsed().as_secs_f64();
            let status =
                answer.as_ref().map_or("failed", |answer| answer["status"].as_str().unwrap_or("failed"));
            let report = answer.as_ref().map(|answer| &answer["report"]);
            print(&Line {
                status,
                seconds,
                run_id: answer.as_ref().map(|answer| &answer["run_id"]),
                report,
                ..line
            })?;
            if code != Some(0) || status != "succeeded" {
                return Err(Error::internal(format!(
                    "step {} ended with status {status}: its messages are above; run again to do what is left",
                    step.name
                )));
            }
        }
        Ok(())
    }

    /// Why a step is not due, if it is not.
    async fn reason_to_skip(&self, step: &Step) -> Result<Option<String>> {
        let Some(days) = step.every_days else { return Ok(None) };
        if self.args.no_train {
            return Ok(Some("--no-train".to_owned()));
        }
        if self.args.train {
            return Ok(None);
        }
        Ok(self.newest_model().await?.and_then(|newest| not_due(newest, days, Utc::now())))
    }

    /// When the newest model was published.
    async fn newest_model(&self) -> Result<Option<DateTime<Utc>>> {
        let entries = list(&self.store, Some(MODELS)).await?;
        Ok(entries.into_iter().filter_map(|entry| Some(entry.header.ok()?.created_at)).max())
    }

    /// Runs the program of a step to its end.
    async fn start(&self, step: &Step) -> Result<Ended> {
        let program = self.programs.join(&step.function);
        let mut command = Command::new(&program);
        command.arg("--once").stdin(Stdio::null()).stdout(Stdio::piped());
        if step.every_days.is_some() && self.args.quick {
            command.arg("--quick");
        }
        let mut child = command.spawn().on_path("cannot start", &program)?;
        let stdout = child.stdout.take();
        let mut running = StopOnDrop(Some(child.id()));
        let ended = feed::blocking("running a function", move || wait(child, stdout)).await?;
        running.0 = None;
        Ok(ended)
    }
}

/// Why models that were published at `newest` are not trained again yet.
fn not_due(newest: DateTime<Utc>, days: i64, now: DateTime<Utc>) -> Option<String> {
    let due = newest + TimeDelta::days(days);
    (now < due).then(|| format!("the next training is due at {}", due.format("%Y-%m-%dT%H:%M:%SZ")))
}

/// How a program ended.
struct Ended {
    code: Option<i32>,
    /// What it printed, if that is JSON.
    answer: Option<Value>,
}

fn wait(mut child: Child, stdout: Option<ChildStdout>) -> Result<Ended> {
    let mut printed = String::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_string(&mut printed)?;
    }
    let code = child.wait()?.code();
    let answer = printed.lines().next_back().and_then(|line| serde_json::from_str(line).ok());
    Ok(Ended { code, answer })
}

/// Stops the program of a step if the chain is stopped: it saves its work and ends.
struct StopOnDrop(Option<u32>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok());
        let pid = id.and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

fn print(line: &Line<'_>) -> Result<()> {
    let text = serde_json::to_string(line)
        .map_err(|error| Error::internal("a line cannot be serialized").caused_by(error))?;
    output::print(&format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_steps_is_read_and_training_comes_before_prediction() {
        let chain: Chain = serde_json::from_str(STEPS).unwrap();
        let names: Vec<&str> = chain.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["embed", "train", "predict", "index"]);
        let weekly: Vec<&str> = chain
            .steps
            .iter()
            .filter(|step| step.every_days.is_some())
            .map(|step| step.function.as_str())
            .collect();
        assert_eq!(weekly, ["train-models"]);
    }

    #[test]
    fn models_are_due_after_their_days() {
        let newest = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let after = |hours: i64| not_due(newest, 7, newest + TimeDelta::hours(hours));
        assert_eq!(after(1).as_deref(), Some("the next training is due at 2023-11-21T22:13:20Z"));
        assert!(after(7 * 24 - 1).is_some() && after(7 * 24).is_none());
    }
}
