//! Log lines for Cloud Logging and Error Reporting, with the trace of the request.

use serde_json::{Value, json};

use super::function;
use crate::support::{Market, Running, Service, command};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

#[test]
fn every_line_of_a_request_has_its_trace_and_run_id() {
    let market = Market::generated(12);
    let mut service = Service::start(function(&market).env("GOOGLE_CLOUD_PROJECT", "my-project"));
    for (header, value) in [
        ("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")),
        ("x-cloud-trace-context", format!("{TRACE}/67667974448284343;o=1")),
    ] {
        let before = service.process.log().len();
        let reply = service
            .post(&json!({ "force": true }))
            .header(header, &value)
            .header("user-agent", "me/1")
            .send();
        assert_eq!(reply.status, 200, "{}", reply.json);
        // The access line is written after the response; ignore the lines of earlier requests.
        let lines = service
            .process
            .wait_for_lines_after(before, "access line", |line| line["httpRequest"]["status"] == 200);
        for line in &lines {
            assert_eq!(
                line["logging.googleapis.com/trace"],
                format!("projects/my-project/traces/{TRACE}"),
                "{line}"
            );
            assert_eq!(line["logging.googleapis.com/spanId"], "00f067aa0ba902b7", "{line}");
        }
        let of_run: Vec<_> = lines.iter().filter(|line| line.get("httpRequest").is_none()).collect();
        assert!(of_run.len() >= 2, "{lines:#?}");
        for line in of_run {
            let labels = &line["logging.googleapis.com/labels"];
            assert_eq!(
                (&labels["run_id"], &labels["function"]),
                (&reply.json["run_id"], &"embed-new-jobs".into())
            );
        }
        let access = lines.iter().find(|line| line["httpRequest"].is_object()).expect("an access line");
        let request = &access["httpRequest"];
        assert_eq!(
            (&request["requestMethod"], &request["requestUrl"]),
            (&"POST".into(), &service.url().into())
        );
        assert_eq!((&request["status"], &request["userAgent"]), (&200.into(), &"me/1".into()));
        assert!(
            request["latency"].as_str().unwrap().ends_with('s') && request["remoteIp"] == "127.0.0.1",
            "{request}"
        );
    }
}

#[test]
fn every_line_has_the_members_of_cloud_logging() {
    let market = Market::generated(12);
    let ended = Running::start(market.command("embed-new-jobs").env("CLOUD_RUN_JOB", "embed")).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in ended.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            ["DEBUG", "INFO", "WARNING", "ERROR"].contains(&line["severity"].as_str().unwrap()),
            "{line}"
        );
        assert!(chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().unwrap()).is_ok(), "{line}");
        let location = &line["logging.googleapis.com/sourceLocation"];
        assert!(location["file"].is_string() && location["line"].is_string(), "{line}");
        assert!(
            !location["file"].as_str().unwrap().starts_with('/'),
            "an absolute path of the build machine: {line}"
        );
    }
    let lines: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reported = lines.iter().find(|line| line["report"].is_object()).expect("a line with the report");
    assert_eq!(reported["report"], ended.answer()["report"]);
}

#[test]
fn a_failed_task_has_the_members_of_error_reporting() {
    let market = Market::generated(3);
    let mut task = function(&market);
    let ended =
        Running::start(task.env("CLOUD_RUN_JOB", "embed").env("ORT_DYLIB_PATH", "/nonexistent.so")).end();
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
    assert_eq!(ended.stdout, "");
    let lines = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let error = lines
        .into_iter()
        .find(|line| message(line).starts_with("run failed") && line["severity"] == "ERROR")
        .expect("a line about the failure");
    let kind = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent";
    assert_eq!(error["@type"], kind);
    assert_eq!(error["serviceContext"]["service"], "embed");
    assert!(error["serviceContext"]["version"].is_string());
    assert!(error["context"]["reportLocation"]["lineNumber"].is_u64(), "{error}");
}

/// Alerts match on the severity, regardless of the kind of error.
#[test]
fn a_failed_run_is_logged_as_one_error() {
    let market = Market::generated(3);
    market.embedded(&[]);
    market.indexed(&[]);
    market.execute("DELETE FROM job_embeddings");
    let ended = Running::start(market.command("build-vector-index").env("CLOUD_RUN_JOB", "build")).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let lines = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors: Vec<Value> = lines.filter(|line| line["severity"] == "ERROR").collect();
    assert!(
        matches!(&errors[..], [only] if message(only).starts_with("run failed: job_embeddings is empty")),
        "{errors:?}"
    );
}

#[test]
fn local_runs_log_text_filtered_by_rust_log() {
    let market = Market::generated(3);
    let text = Running::start(&mut market.command("embed-new-jobs")).end();
    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(text.stderr.contains(" INFO ") && !text.stderr.contains("severity"), "{}", text.stderr);
    let quiet = Running::start(market.command("embed-new-jobs").env("RUST_LOG", "off")).end();
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    assert!(command("embed-new-jobs").get_envs().all(|(name, _)| name != "RUST_LOG"));
}
