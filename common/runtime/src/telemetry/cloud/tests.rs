use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::layer::SubscriberExt;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `log` logs, as JSON.
fn logged(project: Option<&str>, log: impl FnOnce()) -> Vec<Value> {
    let lines = Lines::default();
    let defaults: ProcessSettings = common_core::settings::from_variables([]).unwrap();
    let settings = ProcessSettings {
        google_cloud_project: project.map(Into::into),
        k_service: Some("my-service".into()),
        ..defaults
    };
    let function = Function { name: "f", version: "1.2.3", about: "" };
    let writer = lines.clone();
    let layer = CloudLayer::new(function, &settings, move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_has_the_members_of_cloud_logging() {
    let lines = logged(Some("my-project"), || {
        let request = tracing::error_span!("request", trace_id = "4bf9", span_id = "00f0");
        let run = tracing::error_span!(parent: &request, "run", run_id = "r-1", function = "f", shard = 3);
        run.in_scope(|| tracing::warn!(ads = 5, share = 0.5, ok = true, nan = f64::NAN, "slow: {}", "why"));
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(line["severity"], "WARNING");
    assert_eq!(line["message"], "slow: why");
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000000000Z".len(), "{time}");
    assert_eq!(line["logging.googleapis.com/trace"], "projects/my-project/traces/4bf9");
    assert_eq!(line["logging.googleapis.com/spanId"], "00f0");
    assert_eq!(
        line["logging.googleapis.com/labels"],
        json!({ "run_id": "r-1", "function": "f", "shard": "3" })
    );
    let location = &line["logging.googleapis.com/sourceLocation"];
    assert!(location["file"].as_str().unwrap().ends_with("telemetry/cloud/tests.rs"));
    assert!(location["line"].as_str().unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(location["function"], module_path!());
    assert_eq!(
        (&line["ads"], &line["share"], &line["ok"], &line["nan"]),
        (&json!(5), &json!(0.5), &json!(true), &json!("NaN"))
    );
    assert_eq!(line.get("@type"), None);
    assert_eq!(line.get("httpRequest"), None);
}

#[test]
fn a_trace_without_a_project_is_only_its_id() {
    let lines = logged(None, || {
        tracing::error_span!("request", trace_id = "4bf9", span_id = None::<&str>)
            .in_scope(|| tracing::info!("here"));
        tracing::info!("outside");
    });
    assert_eq!(lines[0]["logging.googleapis.com/trace"], "4bf9");
    assert_eq!(lines[0].get("logging.googleapis.com/spanId"), None);
    assert_eq!(lines[1].get("logging.googleapis.com/trace"), None);
    assert_eq!(lines[1].get("logging.googleapis.com/labels"), None);
}

#[test]
fn an_error_has_the_members_of_error_reporting() {
    let lines = logged(None, || {
        tracing::error!("it broke");
        tracing::error!(source.file = "src/panic.rs", source.line = 7, "panicked: oh");
    });
    assert_eq!(lines[0]["severity"], "ERROR");
    assert_eq!(lines[0]["@type"], ERROR_TYPE);
    assert_eq!(lines[0]["serviceContext"], json!({ "service": "my-service", "version": "1.2.3" }));
    assert!(lines[0]["context"]["reportLocation"]["lineNumber"].as_u64().unwrap() > 0);
    let report = &lines[1]["context"]["reportLocation"];
    assert_eq!(report["filePath"], "src/panic.rs");
    assert_eq!(report["lineNumber"], 7);
    assert_eq!(lines[1]["logging.googleapis.com/sourceLocation"]["line"], "7");
}

#[test]
fn request_fields_and_json_fields_are_nested() {
    let lines = logged(None, || {
        tracing::info!(
            http.method = "POST",
            http.url = "/",
            http.status = 200_u16,
            http.latency = "0.123s",
            http.user_agent = None::<&str>,
            http.remote_ip = "::1",
            report_json = r#"{"embedded": 5}"#,
            broken_json = "{",
            "POST / 200"
        );
    });
    let expected = json!({ "requestMethod": "POST", "requestUrl": "/", "status": 200, "latency": "0.123s", "remoteIp": "::1" });
    assert_eq!(lines[0]["httpRequest"], expected);
    assert_eq!(lines[0]["report"], json!({ "embedded": 5 }));
    assert_eq!(lines[0]["broken_json"], "{");
    assert_eq!(lines[0].get("http.method"), None);
}

#[test]
fn a_message_with_line_breaks_is_one_line() {
    let lines = logged(None, || tracing::info!("one\ntwo \"three\" \u{1b}[31m"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], "one\ntwo \"three\" \u{1b}[31m");
}

#[test]
fn span_fields_recorded_later_apply_on_other_threads() {
    let lines = logged(None, || {
        let span = tracing::error_span!("run", run_id = tracing::field::Empty);
        span.record("run_id", "r-2");
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || span.in_scope(|| tracing::info!("elsewhere")));
        });
        thread.join().unwrap();
    });
    assert_eq!(lines[0]["logging.googleapis.com/labels"]["run_id"], "r-2");
}
