//! HTTP mode: valid and invalid requests, one run at a time, duplicate triggers.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{MANY_ADS, function};
use crate::support::{Market, Service, model_dir};

#[test]
fn a_post_returns_the_report() {
    let market = Market::generated(12);
    let service = Service::start(&mut function(&market));
    let dry = service.post(&json!({ "dry_run": true })).send();
    assert_eq!((dry.status, &dry.json["dry_run"]), (200, &true.into()), "{}", dry.json);
    let first = service.request("POST", "").send();
    assert_eq!((first.status, &first.json["status"]), (200, &"succeeded".into()), "{}", first.json);
    assert!(first.json["report"]["embedded"].as_u64().unwrap() > 0, "the dry run wrote rows: {}", first.json);
    let again = service.post(&json!({ "batch_size": 4 })).send();
    assert_eq!(again.json["report"]["embedded"], 0, "{}", again.json);
    for path in ["health", "ready"] {
        assert_eq!(service.request("GET", path).send().status, 200);
    }
}

#[test]
fn the_second_run_of_a_process_needs_no_model_on_disk() {
    let market = Market::generated(12);
    let models = tempfile::tempdir().unwrap();
    let model = models.path().join("all-MiniLM-L6-v2");
    let copied = Command::new("cp").arg("-rL").arg(model_dir().join("all-MiniLM-L6-v2")).arg(&model).status();
    assert!(copied.unwrap().success());
    let service = Service::start(function(&market).env("MODEL_DIR", models.path()));
    let first = service.post(&json!({ "limit": 1 })).send();
    assert_eq!(first.json["report"]["embedded"], 1, "{}", first.json);
    std::fs::remove_dir_all(&model).unwrap();
    let second = service.post(&json!({})).send();
    assert!(second.json["report"]["embedded"].as_u64().unwrap() > 0, "{}", second.json);
    // A different batch size requires loading the model again.
    let third = service.post(&json!({ "batch_size": 3 })).send();
    assert_eq!(third.status, 500, "{}", third.json);
}

#[test]
fn an_invalid_request_is_rejected_with_the_name_of_the_member() {
    let service = Service::start(&mut function(&Market::empty()));
    for (body, detail) in [
        (r#"{"limt": 5}"#, "unknown field `limt`"),
        (r#"{"limit": "five"}"#, "limit: invalid type: string \"five\""),
        (r#"{"batch_size": 0}"#, "batch_size: "),
        (r#"{"dry_run": 1}"#, "dry_run: "),
        (r#"{"limit": 5"#, "the body is not JSON"),
    ] {
        let reply = service.request("POST", "").header("content-type", "application/json").body(body).send();
        assert_eq!((reply.status, &reply.json["status"]), (400, &400.into()), "{body}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert!(reply.json["detail"].as_str().unwrap().starts_with(detail), "{}", reply.json);
    }
    let long = json!({ "source": "x".repeat(2 << 20) });
    assert_eq!(service.post(&long).send().status, 413);
    let text = service.request("POST", "").header("content-type", "text/csv").body("a,b").send();
    assert_eq!(text.status, 415);
    assert_eq!(service.request("POST", "run").send().status, 404);
    let get = service.request("GET", "").send();
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}

#[test]
fn the_details_of_a_failure_are_only_in_the_log() {
    let market = Market::empty();
    let mut service = Service::start(function(&market).env("MODEL_DIR", "/nonexistent/models"));
    let reply = service.post(&json!({})).send();
    assert!(reply.status >= 400, "{}", reply.json);
    let line = service.process.wait_for_line("failure", |line| {
        line["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("run failed") || message.starts_with("run rejected"))
    });
    assert_eq!(line["logging.googleapis.com/labels"]["run_id"], reply.json["run_id"]);
    assert_eq!(service.request("GET", "health").send().status, 200, "the server continues");
}

#[test]
fn a_concurrent_run_is_rejected_on_all_instances_with_the_id_of_the_first() {
    let market = Market::generated(MANY_ADS);
    let mut first = Service::start(&mut function(&market));
    let second = Service::start(&mut function(&market));
    std::thread::scope(|scope| {
        let request = first.post(&json!({})).header("idempotency-key", "daily");
        let running = scope.spawn(|| request.send());
        let run_id = first.process.wait_for_run();
        for rejected in [
            first.post(&json!({})).send(),
            second.post(&json!({})).send(),
            second.post(&json!({})).header("idempotency-key", "daily").send(),
        ] {
            assert_eq!(
                (rejected.status, &rejected.json["run_id"]),
                (409, &run_id.as_str().into()),
                "{}",
                rejected.json
            );
        }
        first.process.terminate();
        let reply = running.join().unwrap();
        assert_eq!(reply.json["run_id"], run_id, "the response of the first run");
    });
    let next = second.post(&json!({ "limit": 1 })).header("idempotency-key", "next").send();
    assert_eq!(next.status, 200, "the lease was released: {}", next.json);
}

#[test]
fn a_duplicate_trigger_gets_the_first_response_from_any_instance() {
    let market = Market::generated(12);
    let service = Service::start(&mut function(&market));
    let first = service.post(&json!({ "limit": 5 })).header("idempotency-key", "daily").send();
    assert_eq!(first.status, 200, "{}", first.json);
    let other = Service::start(&mut function(&market));
    for instance in [&service, &other] {
        let repeat = instance.post(&json!({ "limit": 5 })).header("idempotency-key", "daily").send();
        assert_eq!((repeat.status, &repeat.json), (200, &first.json));
        assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
    }
    let misused = other.post(&json!({ "limit": 6 })).header("idempotency-key", "daily").send();
    assert_eq!(misused.status, 422, "{}", misused.json);
}

#[test]
fn a_run_continues_when_its_client_disconnects() {
    let market = Market::generated(60);
    let mut service = Service::start(&mut function(&market));
    let mut client = TcpStream::connect(("127.0.0.1", service.port)).unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\nidempotency-key: daily\r\ncontent-length: 0\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    let run_id = service.process.wait_for_run();
    drop(client);
    let line = service.process.wait_for_line("end of the run", |line| line["report"].is_object());
    assert_eq!(line["logging.googleapis.com/labels"]["run_id"], run_id);
    let replayed = loop {
        // The trigger is saved after the line is logged.
        let reply = service.request("POST", "").header("idempotency-key", "daily").send();
        if reply.status != 409 {
            break reply;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((replayed.status, &replayed.json["run_id"]), (200, &run_id.into()), "{}", replayed.json);
    assert_eq!(replayed.json["report"], line["report"]);
}
