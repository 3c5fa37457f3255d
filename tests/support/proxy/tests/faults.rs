//! Faults and the responses of Google's servers.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{Fault, Proxy};
use super::{Client, connect, exchange, request};
use crate::support::{emulators, unique};

#[tokio::test]
async fn every_response_has_the_shape_of_googles() {
    let Some(client) = Client::start().await else { return };
    let json = "application/json; charset=UTF-8";
    let html = "text/html; charset=UTF-8";
    for (fault, status, content_type, reason) in [
        (Fault::TooMany, 429, Some(json), Some("rateLimitExceeded")),
        (Fault::TooManyPlain, 429, None, None),
        (Fault::Unavailable, 503, Some(json), Some("backendError")),
        (Fault::HtmlPage, 502, Some(html), None),
        (Fault::HtmlForbidden, 403, Some(html), None),
        (Fault::HtmlNotFound, 404, Some(html), None),
        (Fault::Expired, 401, Some(json), Some("authError")),
        (Fault::UnauthorizedFrontEnd, 401, Some(json), None),
        (Fault::Forbidden, 403, Some(json), Some("forbidden")),
        (Fault::QuotaExceeded, 403, Some(json), Some("quotaExceeded")),
        (Fault::QueueIsFull, 400, Some(json), Some("resourcesExceeded")),
    ] {
        client.proxy.force(&[fault]);
        let reply = client.send("POST", &client.media("x"), "", b"content").await.unwrap();
        assert_eq!((reply.status, reply.header("content-type")), (status, content_type), "{fault:?}");
        assert_eq!(reply.header("retry-after"), (fault == Fault::TooMany).then_some("0"), "{fault:?}");
        if content_type == Some(json) {
            let error = reply.json()["error"].clone();
            assert_eq!(error["code"], status, "{fault:?}");
            let item = &error["errors"][0];
            assert_eq!(item["reason"].as_str(), reason, "{fault:?}");
            assert_eq!(item.is_null(), reason.is_none(), "{fault:?}");
            assert!(item.is_null() || item["message"] == error["message"], "{error}");
            // The crate gcp-bigquery-client reads items as maps from text to text.
            let is_text = |item: &Value| item.as_object().unwrap().values().all(Value::is_string);
            assert!(item.is_null() || is_text(item), "{error}");
        } else {
            assert_eq!(reply.body.is_empty(), fault == Fault::TooManyPlain, "{fault:?}");
        }
    }
    // None of the requests was forwarded.
    assert_eq!(client.send("GET", &client.object("x"), "", b"").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_silent_request_stays_open_until_the_proxy_ends() {
    let Some(Client { proxy, .. }) = Client::start().await else { return };
    proxy.force(&[Fault::Silent]);
    let silent = request("GET", "/storage/v1/b/x", "", b"");
    let mut waiting = Box::pin(exchange(&proxy, &silent));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err());
    // Other requests are answered meanwhile.
    assert_eq!(exchange(&proxy, &silent).await.unwrap().status, 404);
    assert_eq!(proxy.seen(), [Fault::Silent]);
    drop(waiting);
    proxy.force(&[Fault::Silent]);
    let mut stream = connect(&proxy).await;
    stream.write_all(&silent).await.unwrap();
    while proxy.seen().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(proxy);
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    assert!(reply.is_empty());
}

#[tokio::test]
async fn a_missing_bucket_and_a_missing_object_are_told_apart() {
    let Some(client) = Client::start().await else { return };
    client.proxy.word_as_cloud_storage();
    let no_object = format!("No such object: {}/a folder/ü", client.bucket);
    let no_bucket = "The specified bucket does not exist.";
    let object = client.object("a%20folder%2F%C3%BC");
    for (target, message) in [(object.as_str(), &*no_object), ("/storage/v1/b/no-such-bucket/o/a", no_bucket)]
    {
        let reply = client.send("GET", target, "", b"").await.unwrap();
        let item = json!({ "message": message, "domain": "global", "reason": "notFound" });
        assert_eq!(reply.status, 404);
        assert_eq!(reply.json()["error"], json!({ "code": 404, "message": message, "errors": [item] }));
        let reply = client.send("GET", &format!("{target}?alt=media"), "", b"").await.unwrap();
        assert_eq!((reply.status, String::from_utf8(reply.body).unwrap()), (404, message.to_owned()));
    }
    let upload = "/upload/storage/v1/b/no-such-bucket/o?uploadType=resumable&name=a";
    let reply = client.send("POST", upload, "Content-Type: application/json\r\n", b"{}").await.unwrap();
    assert_eq!((reply.status, &reply.json()["error"]["message"]), (404, &no_bucket.into()));
}

#[tokio::test]
async fn a_failed_precondition_has_the_reason_of_cloud_storage() {
    let Some(client) = Client::start().await else { return };
    client.proxy.word_as_cloud_storage();
    // The emulator checks the preconditions of multipart uploads only.
    let once = async |content: &'static [u8]| {
        let target = client.start_upload("once&ifGenerationMatch=0").await;
        client.put(&target, "0-2/3", content).await.unwrap()
    };
    assert_eq!(once(b"abc").await.status, 200);
    let reply = once(b"xyz").await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["errors"][0]["reason"]),
        (412, &"conditionNotMet".into())
    );
    assert_eq!(client.content("once").await, b"abc");
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_a_duplicate() {
    let Some(emulators) = emulators() else { return };
    let proxy = Proxy::start(&emulators.bigquery, 0, 0, Duration::ZERO).await;
    let job = json!({
        "jobReference": { "projectId": "demo", "jobId": format!("job_{}", unique()) },
        "configuration": { "query": { "query": "SELECT 1", "useLegacySql": false } },
    });
    let insert = request(
        "POST",
        "/bigquery/v2/projects/demo/jobs",
        "Content-Type: application/json\r\n",
        job.to_string().as_bytes(),
    );
    proxy.force(&[Fault::CutAfter]);
    assert_eq!(exchange(&proxy, &insert).await, None);
    let reply = exchange(&proxy, &insert).await.unwrap();
    assert_eq!((reply.status, &reply.json()["error"]["errors"][0]["reason"]), (409, &"duplicate".into()));
    assert_eq!(reply.json()["error"]["code"], 409);
}
