//! Flags, the effective configuration, and invalid values.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::function;
use crate::support::{Ended, Market, Running, command};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = command("embed-new-jobs");
    Running::start(command.args(arguments).envs(variables.iter().copied())).end()
}

#[test]
fn help_and_version_need_no_settings_and_exit_with_0() {
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for flag in [
        "--once",
        "--serve",
        "--port",
        "--dry-run",
        "--config",
        "--limit",
        "--batch-size",
        "--force",
        "--source",
    ] {
        assert!(help.stdout.contains(flag), "{flag} is not in the help:\n{}", help.stdout);
    }
    let version = run(&["--version"], &[]);
    assert_eq!(version.code, Some(0));
    assert!(version.stdout.starts_with("embed-new-jobs "), "{version:?}");
}

#[test]
fn config_prints_the_effective_settings() {
    let ended = run(
        &["--config", "--device", "cpu"],
        &[("WAREHOUSE_URL", "bigquery://project/jobs"), ("PORT", "8099")],
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let config: Value = serde_json::from_str(&ended.stdout).unwrap();
    let variable = |name: &str, value: &str, source: &str, given_by: &str| {
        let expected = json!({ "value": value, "source": source, "given_by": given_by });
        assert_eq!(config["variables"][name], expected, "{name}");
    };
    assert_eq!(config["mode"], "http");
    variable("WAREHOUSE_URL", "bigquery://project/jobs", "environment", "operator");
    variable("ARTIFACTS_URL", "file:data/artifacts", "default", "operator");
    variable("DEVICE", "cpu", "flag", "operator");
    variable("PORT", "8099", "environment", "cloud-run");
    assert_eq!(config["variables"]["MAX_BYTES_BILLED"]["source"], "unset");
    let once = run(&["--config", "--once"], &[("PORT", "8099")]);
    assert_eq!(serde_json::from_str::<Value>(&once.stdout).unwrap()["mode"], "local");
    let job = run(&["--config", "--once"], &[("CLOUD_RUN_JOB", "embed")]);
    assert_eq!(serde_json::from_str::<Value>(&job.stdout).unwrap()["mode"], "job");
}

/// `--config --names` prints the names in `--config`, and a program has no flag for a variable that it does not read.
#[test]
fn a_program_lists_the_variables_that_it_reads() {
    let of = |program: &str, arguments: &[&str]| {
        let ended = Running::start(command(program).args(arguments)).end();
        assert_eq!(ended.code, Some(0), "{program}: {ended:?}");
        ended.stdout
    };
    for (program, read, not_read) in [
        ("embed-new-jobs", &["THREADS", "DEVICE", "CLOUD_RUN_TASK_INDEX"][..], &["SEARCH", "INDEX_DIR"][..]),
        ("build-vector-index", &["THREADS", "INDEX_DIR"], &["DEVICE", "ORT_DYLIB_PATH", "SEARCH"]),
        ("similar-jobs", &["SEARCH", "DEVICE", "INDEX_DIR"], &["CLOUD_RUN_TASK_INDEX"]),
        (
            "train-models",
            &["THREADS", "TRAINING_DIR", "XGBOOST_DIR", "MLFLOW_TRACKING_URI"],
            &["DEVICE", "SEARCH", "INDEX_DIR"],
        ),
        ("batch-predict", &["THREADS", "CHAMPIONS_DIR"], &["DEVICE", "SEARCH", "INDEX_DIR", "TRAINING_DIR"]),
    ] {
        let names = of(program, &["--config", "--names"]);
        let names: Vec<&str> = names.lines().collect();
        let config: Value = serde_json::from_str(&of(program, &["--config"])).unwrap();
        let described: BTreeSet<&str> =
            config["variables"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), described, "{program}");
        assert_eq!(names.len(), described.len(), "{program} lists a duplicate name");
        for name in ["WAREHOUSE_URL", "LOG_FORMAT", "PORT"].iter().chain(read) {
            assert!(described.contains(name), "{program} does not list {name}");
        }
        let help = of(program, &["--help"]);
        for name in not_read {
            let flag = format!("--{} ", name.to_lowercase().replace('_', "-"));
            assert!(!described.contains(name) && !help.contains(&flag), "{program} lists {name}");
        }
    }
}

#[test]
fn an_invalid_value_is_an_error_in_every_mode_with_exit_code_2() {
    for (variable, value) in [
        ("WAREHOUSE_URL", "postgres://x"),
        ("ARTIFACTS_URL", "s3://bucket"),
        ("EMBEDDING_PRECISION", "fp64"),
        ("DEVICE", "gpu"),
        ("THREADS", "none"),
        ("CLOUD_RUN_TASK_INDEX", "1"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "loud"),
    ] {
        for mode in [("PORT", "0"), ("CLOUD_RUN_JOB", "embed"), ("HOME", "/nonexistent")] {
            let ended = run(&[], &[mode, (variable, value)]);
            assert_eq!(ended.code, Some(2), "{variable}: {ended:?}");
            let expected = format!("error: invalid {variable} {value:?}: expected ");
            assert!(
                ended.stderr.starts_with(&expected),
                "expected {expected} at the start of {}",
                ended.stderr
            );
            assert_eq!((ended.stderr.lines().count(), ended.stdout.as_str()), (1, ""));
        }
    }
}

#[test]
fn more_tasks_than_bigquery_queues_are_rejected_before_any_request() {
    let warehouse = ("WAREHOUSE_URL", "bigquery://no-such-project/jobs");
    let ended = run(&[], &[("CLOUD_RUN_JOB", "embed"), ("CLOUD_RUN_TASK_COUNT", "21"), warehouse]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(
        ended.stderr.starts_with("error: invalid CLOUD_RUN_TASK_COUNT \"21\": expected 1 to 20, "),
        "{ended:?}"
    );
}

#[test]
fn a_variable_that_is_not_utf8_is_an_error_in_every_program() {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::OsStr::from_bytes(b"duckdb:/tmp/caf\xe9.duckdb");
    for program in
        ["embed-new-jobs", "build-vector-index", "similar-jobs", "train-models", "batch-predict", "jobctl"]
    {
        let mut command = command(program);
        if program == "jobctl" {
            command.arg("inspect");
        }
        let ended = Running::start(command.env("WAREHOUSE_URL", path)).end();
        assert_eq!(ended.code, Some(2), "{program}: {ended:?}");
        assert!(
            ended.stderr.contains("invalid WAREHOUSE_URL \"duckdb:/tmp/caf\u{fffd}.duckdb\""),
            "{program}: {ended:?}"
        );
    }
}

#[test]
fn an_invalid_flag_is_a_usage_error() {
    for arguments in [&["--limt", "5"][..], &["--limit", "five"], &["--once", "--serve"], &["--port", "80"]] {
        let ended = run(arguments, &[]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
    let served = run(&["--serve", "--limit", "5"], &[]);
    assert_eq!(served.code, Some(2));
    assert!(served.stderr.contains("invalid options --limit for a server"), "{}", served.stderr);
}

#[test]
fn a_local_run_prints_its_result_or_a_one_line_error() {
    let market = Market::generated(12);
    let ended = Running::start(function(&market).arg("--once").env("PORT", "1")).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answer = ended.answer();
    assert_eq!((&answer["function"], &answer["status"]), (&"embed-new-jobs".into(), &"succeeded".into()));
    let report = &answer["report"];
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"));
    assert!(count("ads") > 0);
    assert_eq!(count("embedded") + count("shared") + count("skipped"), count("ads"), "{report}");

    let failed = Running::start(function(&Market::empty()).env("LOG_FORMAT", "text")).end();
    assert_ne!(failed.code, Some(0));
    assert_eq!(failed.stdout, "");
    assert!(failed.stderr.lines().last().unwrap().starts_with("error: "), "{failed:?}");
    assert!(!failed.stderr.contains("backtrace"), "{failed:?}");
}

#[test]
fn the_tasks_of_a_job_split_the_ads() {
    let market = Market::generated(30);
    let mut embedded = Vec::new();
    for index in ["0", "1"] {
        let mut task = function(&market);
        task.env("CLOUD_RUN_JOB", "embed")
            .env("CLOUD_RUN_TASK_INDEX", index)
            .env("CLOUD_RUN_TASK_COUNT", "2");
        // `CLOUD_RUN_JOB` takes precedence over `--serve` and `PORT`.
        let ended = Running::start(task.env("PORT", "8080").arg("--serve")).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        embedded.push(ended.answer()["report"]["ads"].as_u64().unwrap());
    }
    let whole = Running::start(function(&market).arg("--dry-run")).end().answer()["report"]["ads"].as_u64();
    assert_eq!(Some(embedded.iter().sum()), whole);
    assert!(embedded.iter().all(|&ads| ads > 0), "{embedded:?}");
}
