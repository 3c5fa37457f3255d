use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::super::http_util::Body;
use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    limit: Option<u32>,
    source: Option<String>,
}

const EVENT: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "a-1"), ("ce-source", "//scheduler/daily"), ("ce-type", "x.y")];

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let header = |&(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(header).collect()
}

fn json_type<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("content-type", "application/json; charset=utf-8")], more].concat()
}

fn read(pairs: &[(&str, &str)], body: impl AsRef<[u8]>) -> Result<Trigger, Problem> {
    Trigger::parse(&headers(pairs), body.as_ref())
}

/// The status of a problem.
fn status(problem: Problem) -> u16 {
    Response::<Body>::from(problem).status().as_u16()
}

fn structured_event(members: &Value) -> Result<Trigger, Problem> {
    let mut event =
        json!({ "specversion": "1.0", "id": "a-1", "source": "//scheduler/daily", "type": "x.y" });
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    read(&[("content-type", "application/cloudevents+json; charset=UTF-8")], event.to_string())
}

#[test]
fn a_json_body_is_the_options() {
    let trigger = read(&json_type(&[]), r#"{"limit": 5, "dry_run": true}"#).unwrap();
    assert_eq!(trigger.options::<Options>().unwrap(), Options { limit: Some(5), source: None });
    assert!(trigger.dry_run);
    assert_eq!(trigger.id, None);
    for (headers, body) in [
        (&[][..], ""),
        (&[("content-type", "application/octet-stream")], ""),
        (&json_type(&[]), "{}"),
        (&[], "{}"),
        (&json_type(&[]), "null"),
    ] {
        let trigger = read(headers, body).unwrap();
        assert_eq!(trigger.options::<Options>().unwrap(), Options::default());
        assert!(!trigger.dry_run);
    }
}

#[test]
fn binary_structured_and_base64_are_the_same_trigger() {
    let binary = read(&json_type(&EVENT), r#"{"limit": 5}"#).unwrap();
    assert_eq!(binary.id, Some(TriggerId::of_event("//scheduler/daily", "a-1")));
    assert_eq!(binary.options::<Options>().unwrap().limit, Some(5));
    assert_eq!(structured_event(&json!({ "data": { "limit": 5 } })).unwrap(), binary);
    let encoded = STANDARD.encode(r#"{"limit": 5}"#);
    assert_eq!(structured_event(&json!({ "data_base64": encoded })).unwrap(), binary);
    let mut escaped = json_type(&EVENT);
    escaped[3].1 = "%2F%2Fscheduler/daily";
    assert_eq!(read(&escaped, r#"{"limit": 5}"#).unwrap(), binary, "header values are percent-decoded");
    assert_eq!(structured_event(&json!({})).unwrap().options, Map::new());
}

#[test]
fn a_pubsub_message_carries_the_options_in_its_payload() {
    let message = |data: &str| json!({ "message": { "data": STANDARD.encode(data), "messageId": "7" }, "subscription": "s" });
    let push = read(&json_type(&[]), message(r#"{"limit": 5, "dry_run": true}"#).to_string()).unwrap();
    assert_eq!(push.options::<Options>().unwrap().limit, Some(5));
    assert!(push.dry_run);
    assert_eq!(push.id, Some(TriggerId::of_event("pubsub:s", "7")));
    let mut event = json_type(&EVENT);
    event[4].1 = "google.cloud.pubsub.topic.v1.messagePublished";
    let event = read(&event, message(r#"{"limit": 5}"#).to_string()).unwrap();
    assert_eq!(event.options::<Options>().unwrap().limit, Some(5));
    assert_eq!(event.id, Some(TriggerId::of_event("//scheduler/daily", "a-1")));
    let attributes_only = json!({ "message": { "attributes": { "a": "b" } }, "subscription": "s" });
    assert_eq!(read(&json_type(&[]), attributes_only.to_string()).unwrap().options, Map::new());
}

#[test]
fn a_google_event_starts_a_run_with_default_options() {
    let kind = "google.cloud.storage.object.v1.finalized";
    let mut event = json_type(&EVENT);
    event[4].1 = kind;
    let trigger = read(&event, r#"{"bucket": "b", "name": "ads.parquet"}"#).unwrap();
    assert_eq!(trigger.options::<Options>().unwrap(), Options::default());
    event[0].1 = "application/protobuf";
    assert_eq!(read(&event, b"\x08\x01").unwrap(), trigger);
    assert_eq!(structured_event(&json!({ "type": kind, "data": { "bucket": "b" } })).unwrap(), trigger);
}

#[test]
fn an_idempotency_key_names_the_trigger() {
    let key = Some(TriggerId::of_key("k-1"));
    assert_eq!(read(&[("idempotency-key", "k-1")], "").unwrap().id, key);
    assert_eq!(read(&[("idempotency-key", "\"k-1\"")], "").unwrap().id, key);
    let both = [&json_type(&EVENT)[..], &[("idempotency-key", "k-1")]].concat();
    assert_eq!(read(&both, "{}").unwrap().id, key);
    assert_eq!(read(&[("idempotency-key", "\"\"")], "").map_err(status).unwrap_err(), 400);
    assert_ne!(TriggerId::of_event("a", "bc"), TriggerId::of_event("ab", "c"));
    assert_ne!(TriggerId::of_event("k-1", ""), TriggerId::of_key("k-1"));
}

#[test]
fn an_invalid_option_is_rejected_by_name() {
    for (body, expected) in [
        (r#"{"limt": 5}"#, "unknown field `limt`, expected `limit` or `source`"),
        (r#"{"limit": "five"}"#, "limit: invalid type: string \"five\", expected u32"),
        (r#"{"limit": -1}"#, "limit: invalid value: integer `-1`, expected u32"),
    ] {
        let problem = read(&json_type(&[]), body).unwrap().options::<Options>().unwrap_err();
        let text = format!("{problem:?}");
        assert!(text.replace('\\', "").contains(expected), "{expected} is not in {text}");
        assert_eq!(status(problem), 400);
    }
}

#[test]
fn an_invalid_request_is_rejected_with_the_invalid_part() {
    let missing =
        |name: &str| -> Vec<_> { json_type(&EVENT).into_iter().filter(|(n, _)| *n != name).collect() };
    let old = [("ce-specversion", "0.3"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")];
    let structured = [("content-type", "application/cloudevents+json")];
    for (headers, body, expected, detail) in [
        (json_type(&[]), "{", 400, "the body is not JSON"),
        (json_type(&[]), "[1]", 400, "the options must be a JSON object"),
        (
            json_type(&[]),
            r#"{"dry_run": "yes"}"#,
            400,
            "dry_run: invalid value \\\"yes\\\", expected true or false",
        ),
        (vec![("content-type", "text/plain")], "{}", 415, "text/plain\\\": expected application/json"),
        (json_type(&[]), r#"{"message": {"data": "%"}}"#, 400, "message.data is not base64"),
        (json_type(&[]), r#"{"message": {"data": "aGk="}}"#, 400, "message.data is not JSON"),
        (missing("ce-id"), "{}", 400, "header ce-id is missing"),
        (missing("ce-source"), "{}", 400, "header ce-source is missing"),
        (missing("ce-type"), "{}", 400, "header ce-type is missing"),
        (missing("ce-specversion"), "{}", 400, "header ce-specversion is missing"),
        (json_type(&old), "{}", 400, "invalid specversion \\\"0.3\\\": expected 1.0"),
        (structured.to_vec(), "{}", 400, "the event's specversion is missing"),
        (structured.to_vec(), "[]", 400, "an event is a JSON object"),
        (
            vec![("content-type", "application/cloudevents-batch+json")],
            "[]",
            415,
            "expected application/cloudevents+json with one event",
        ),
    ] {
        let problem = read(&headers, body).unwrap_err();
        let text = format!("{problem:?}");
        assert!(text.contains(detail), "{detail} is not in {text}");
        assert_eq!(status(problem), expected);
    }
    for (members, detail) in [
        (json!({ "id": 5 }), "the event's id is missing"),
        (json!({ "data": {}, "data_base64": "e30=" }), "not both"),
        (json!({ "data_base64": 5 }), "data_base64 is not a string"),
        (json!({ "data_base64": "e30" }), "data_base64 is not base64"),
        (json!({ "data": "text" }), "the options must be a JSON object"),
    ] {
        let text = format!("{:?}", structured_event(&members).unwrap_err());
        assert!(text.contains(detail), "{detail} is not in {text}");
    }
}

/// HTTP protocol binding 3.1.3.2.
#[test]
fn attributes_in_headers_are_unquoted_and_percent_decoded() {
    let with_id = |id: &str| {
        let mut event = json_type(&EVENT);
        event[2].1 = id;
        read(&event, "{}").map(|trigger| trigger.id)
    };
    for (sent, meant) in [
        ("\"a-1\"", "a-1"),
        ("\"Euro \u{20ac}\"", ""),
        ("\"a \\\"b\\\" \\\\ c\"", "a \"b\" \\ c"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u{20ac} \u{1f600}"),
        ("%61-1", "a-1"),
        ("\"%22a%22\"", "\"a\""),
        ("%2525", "%25"),
        ("a\"b", "a\"b"),
    ] {
        match with_id(sent) {
            Ok(id) => assert_eq!(id, Some(TriggerId::of_event("//scheduler/daily", meant)), "{sent}"),
            Err(problem) => assert!(meant.is_empty(), "{sent}: {problem:?}"),
        }
    }
    for (sent, expected) in [
        ("%C0%A0", "expected percent-encoded UTF-8"),
        ("a%FF", "expected percent-encoded UTF-8"),
        ("%ED%A0%80", "expected percent-encoded UTF-8"),
        ("100%", "expected two hexadecimal digits after every %"),
        ("%zz", "expected two hexadecimal digits after every %"),
        ("\"a", "expected a quoted string"),
        ("\"a\\\"", "expected a quoted string"),
        ("\"a\"b", "expected a quoted string"),
        ("\"\"", "header ce-id is missing or empty"),
        ("\u{e9}", "expected printable ASCII"),
    ] {
        let problem = with_id(sent).unwrap_err();
        let text = problem.members()["detail"].as_str().unwrap().to_owned();
        assert!(text.contains("header ce-id") && text.contains(expected), "{sent}: {text}");
        assert_eq!(status(problem), 400);
    }
    let twice = [&json_type(&EVENT)[..], &[("ce-id", "a-2")]].concat();
    let mut headers = HeaderMap::new();
    for (name, value) in twice {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    assert_eq!(status(Trigger::parse(&headers, b"{}").unwrap_err()), 400);
}

#[test]
fn an_unwrapped_pubsub_message_is_identified_by_its_headers() {
    let subscription = "projects/p/subscriptions/s";
    let metadata = [("x-goog-pubsub-subscription-name", subscription), ("x-goog-pubsub-message-id", "7")];
    let bare = read(&metadata, r#"{"limit": 5}"#).unwrap();
    let message = json!({ "data": STANDARD.encode(r#"{"limit": 5}"#), "message_id": "7" });
    let wrapped = json!({ "message": message, "subscription": subscription });
    assert_eq!(
        bare,
        read(&json_type(&[]), wrapped.to_string()).unwrap(),
        "the wrapped and the unwrapped message are the same trigger"
    );
    assert_eq!(bare.id, Some(TriggerId::of_event("pubsub:projects/p/subscriptions/s", "7")));
    let named = [&metadata[..], &[("idempotency-key", "k")]].concat();
    assert_eq!(read(&named, "{}").unwrap().id, Some(TriggerId::of_key("k")));
    for (member, value) in [("data", json!({ "limit": 5 })), ("messageId", json!(7))] {
        let problem = read(&json_type(&[]), json!({ "message": { member: value } }).to_string()).unwrap_err();
        assert!(format!("{problem:?}").contains(&format!("message.{member} is not a string")), "{problem:?}");
    }
}

#[test]
fn the_default_type_of_cloud_scheduler_and_a_missing_type_are_accepted() {
    for headers in [&[("content-type", "application/octet-stream")][..], &[]] {
        let trigger = read(headers, r#"{"limit": 5}"#).unwrap();
        assert_eq!(trigger.options::<Options>().unwrap().limit, Some(5));
        assert_eq!(read(headers, " \n").unwrap().options, Map::new());
        assert_eq!(status(read(headers, b"\x08\x01").unwrap_err()), 400);
    }
    let event = [&[("content-type", "application/octet-stream")][..], &EVENT].concat();
    assert_eq!(read(&event, r#"{"limit": 5}"#).unwrap().options::<Options>().unwrap().limit, Some(5));
}

proptest! {
    #[test]
    fn no_request_panics(
        kind in "[ -~]{0,40}", event in any::<bool>(), id in "[ -~]{0,20}", body in any::<Vec<u8>>(), json in ".{0,60}"
    ) {
        let mut pairs = vec![("content-type", kind.as_str())];
        if event {
            pairs.extend([("ce-id", id.as_str()), ("ce-specversion", "1.0"), ("ce-source", "s"), ("ce-type", "t")]);
        }
        let _ = read(&pairs, &body);
        let _ = read(&pairs, &json);
        let _ = read(&[("content-type", "application/cloudevents+json")], &json);
    }

    #[test]
    fn an_event_parses_the_same_in_both_modes(id in "[!-~é]{1,20}", source in "[!-~ü]{1,20}", limit in any::<u32>()) {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let (ce_id, ce_source) = (encode(&id), encode(&source));
        let pairs = [("ce-specversion", "1.0"), ("ce-id", &ce_id), ("ce-source", &ce_source), ("ce-type", "t")];
        let data = json!({ "limit": limit });
        let binary = read(&pairs, data.to_string()).unwrap();
        let event = json!({ "specversion": "1.0", "id": id, "source": source, "type": "t", "data": data });
        let structured = read(&[("content-type", "application/cloudevents+json")], event.to_string()).unwrap();
        prop_assert_eq!(binary, structured);
    }
}
