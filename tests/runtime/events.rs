//! `CloudEvents` and Pub/Sub messages as triggers, sent directly and with the official SDK.

use std::process::Command;

use serde_json::{Value, json};

use super::function;
use crate::support::{Market, Reply, Request, Running, Service, left_out, python, tests_dir};

const SOURCE: &str = "//example.com/loader";

fn binary(service: &Service, id: &str, data: &Value) -> Reply {
    service
        .post(data)
        .header("ce-specversion", "1.0")
        .header("ce-id", id)
        .header("ce-source", SOURCE)
        .header("ce-type", "market.jobs.loaded")
        .send()
}

fn structured(service: &Service, id: &str, data: &Value) -> Reply {
    let event = json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": "market.jobs.loaded",
        "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json", "data": data,
    });
    let request =
        service.request("POST", "").header("content-type", "application/cloudevents+json; charset=utf-8");
    request.body(event.to_string()).send()
}

#[test]
fn both_modes_run_the_function_and_a_duplicate_event_does_not() {
    let market = Market::generated(12);
    let service = Service::start(&mut function(&market));
    let options = json!({ "limit": 2, "dry_run": true });
    let first = binary(&service, "1", &options);
    assert_eq!((first.status, &first.json["dry_run"]), (200, &true.into()), "{}", first.json);
    let repeat = structured(&service, "1", &options);
    assert_eq!(repeat.header("idempotency-replayed"), Some("true"), "{}", repeat.json);
    assert_eq!(repeat.json, first.json);
    let second = structured(&service, "2", &options);
    assert_eq!(second.status, 200, "{}", second.json);
    assert_ne!(second.json["run_id"], first.json["run_id"]);
}

#[test]
fn a_pubsub_message_and_an_event_of_cloud_storage_run_the_function() {
    let market = Market::generated(12);
    let service = Service::start(function(&market).arg("--dry-run"));
    // {"limit": 2}
    let message = json!({ "message": { "data": "eyJsaW1pdCI6IDJ9", "messageId": "1" }, "subscription": "s" });
    let push = service.post(&message).send();
    assert_eq!((push.status, &push.json["report"]["limit_reached"]), (200, &true.into()), "{}", push.json);
    let notice = service
        .post(&json!({ "bucket": "b", "name": "ads.parquet" }))
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "//storage.googleapis.com/projects/_/buckets/b")
        .header("ce-type", "google.cloud.storage.object.v1.finalized")
        .send();
    assert_eq!(
        (notice.status, &notice.json["report"]["limit_reached"]),
        (200, &false.into()),
        "{}",
        notice.json
    );
}

#[test]
fn an_event_that_violates_the_specification_is_rejected() {
    let service = Service::start(&mut function(&Market::empty()));
    let no_source = service.post(&json!({})).header("ce-specversion", "1.0").header("ce-id", "1").send();
    assert_eq!(no_source.status, 400);
    assert!(no_source.json["detail"].as_str().unwrap().contains("ce-source"), "{}", no_source.json);
    let batch =
        service.request("POST", "").header("content-type", "application/cloudevents-batch+json").body("[]");
    assert_eq!(batch.send().status, 415);
    let wrong = binary(&service, "1", &json!({ "limt": 2 }));
    assert!(wrong.json["detail"].as_str().unwrap().contains("limt"), "{}", wrong.json);
}

/// Triggers discard the response, so that alerts depend on the log.
#[test]
fn a_rejected_trigger_is_logged_as_an_error_with_its_detail() {
    let mut service = Service::start(&mut function(&Market::empty()));
    let json = ("content-type", "application/json");
    for (headers, body, status, sentence) in [
        (&[json][..], r#"{"limt": 2}"#, 400, "unknown field `limt`"),
        (
            &[json, ("ce-id", "%C0%A0"), ("ce-specversion", "1.0")],
            "{}",
            400,
            "expected percent-encoded UTF-8",
        ),
        (
            &[("content-type", "text/plain")],
            "{}",
            415,
            "invalid Content-Type \"text/plain\": expected application/json",
        ),
        (&[json, ("content-encoding", "gzip")], "{}", 415, "invalid Content-Encoding \"gzip\""),
        (&[json, ("origin", "https://evil.example")], "{}", 403, "pages of other sites cannot start a run"),
        (&[json, ("sec-fetch-site", "cross-site")], "{}", 403, "pages of other sites cannot start a run"),
    ] {
        let request = headers
            .iter()
            .fold(service.request("POST", ""), |request, (name, value)| request.header(name, value));
        let reply = request.body(body).send();
        assert_eq!(reply.status, status, "{}", reply.text);
        let detail = reply.json["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(sentence), "{detail}");
        let expected = format!("POST / {status}: {detail}");
        let line = service.process.wait_for_line(&expected, |line| line["message"] == expected.as_str());
        assert_eq!(line["severity"], "ERROR", "{line}");
        let id = &line["logging.googleapis.com/labels"]["request_id"];
        assert_eq!((id, id.as_str()), (&reply.json["request_id"], reply.header("x-request-id")), "{line}");
    }
}

#[test]
fn the_default_type_of_cloud_scheduler_and_an_unwrapped_push_run_the_function() {
    let market = Market::generated(12);
    let service = Service::start(&mut function(&market));
    let body = r#"{"limit": 2, "dry_run": true}"#;
    let scheduled = service.request("POST", "").header("content-type", "application/octet-stream").body(body);
    let scheduled = scheduled.send();
    assert_eq!((scheduled.status, &scheduled.json["dry_run"]), (200, &true.into()), "{}", scheduled.json);
    let push = || {
        let request = service.request("POST", "").header("x-goog-pubsub-message-id", "7");
        request.header("x-goog-pubsub-subscription-name", "projects/p/subscriptions/s").body(body).send()
    };
    let first = push();
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None), "{}", first.json);
    let again = push();
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")), "{}", again.json);
}

/// Pages in a browser on the same machine can send requests to a server on the loopback interface.
#[test]
fn a_local_server_rejects_other_host_names() {
    let market = Market::empty();
    let mut command = function(&market);
    command.args(["--serve", "--port", "0"]).env_remove("PORT").env("LOG_FORMAT", "json");
    let mut process = Running::start(&mut command);
    let port = process.wait_for_line("port", |line| line["port"].is_u64())["port"].as_u64().unwrap();
    let trigger = |host: &str| {
        let url = format!("http://127.0.0.1:{port}/");
        Request::new("POST", url).header("host", host).header("content-type", "text/plain").body("{}").send()
    };
    for host in ["evil.example", "evil.example:8080"] {
        let reply = trigger(host);
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert!(
            reply.json["detail"].as_str().unwrap().contains(&format!("invalid Host {host:?}")),
            "{}",
            reply.text
        );
    }
    // A valid host passes this check and fails the next one.
    assert_eq!(trigger(&format!("localhost:{port}")).status, 415);
}

#[test]
fn events_of_the_official_sdk_are_accepted_in_both_modes() {
    let Some(python) = python() else {
        return left_out(
            "events_of_the_official_sdk_are_accepted_in_both_modes",
            "no Python environment: run scripts/test",
        );
    };
    let market = Market::generated(12);
    let service = Service::start(&mut function(&market));
    let send = |mode: &str, id: &str, data: &str| -> Value {
        let script = tests_dir().join("runtime/send_cloudevent.py");
        let sent = Command::new(&python).arg(script).args([&service.url(), mode, id, data]).output().unwrap();
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        serde_json::from_slice(&sent.stdout).unwrap()
    };
    let data = r#"{"limit": 2, "dry_run": true}"#;
    let first = send("binary", "é 1", data);
    assert_eq!((&first["status"], &first["body"]["dry_run"]), (&200.into(), &true.into()), "{first}");
    let repeat = send("structured", "é 1", data);
    assert_eq!(repeat["body"], first["body"], "the event has the same id in both modes");
    assert_eq!(send("structured", "2", r#"{"limt": 2}"#)["status"], 400);
}
