//! Resumable uploads.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::super::Fault;
use super::{Client, bytes};

const QUANTUM_BYTES: usize = 256 << 10;

#[tokio::test]
async fn an_upload_in_one_part_keeps_its_answer() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(300_001);
    let target = client.start_upload("one").await;
    assert_eq!(client.status(&target).await, (308, None));
    let reply = client.put(&target, "0-300000/300001", &body).await.unwrap();
    assert_eq!((reply.status, &reply.json()["size"]), (200, &"300001".into()));
    assert_eq!(reply.json()["contentType"], "text/x-test");
    assert_eq!(client.content("one").await, body);
    for range in ["*/*", "*/300001"] {
        assert_eq!(client.put(&target, range, b"").await.unwrap().json(), reply.json());
    }
    assert_eq!(client.put(&target, "0-300000/300001", &body).await.unwrap().json(), reply.json());
}

#[tokio::test]
async fn a_part_without_a_declared_end_is_the_last_one() {
    let Some(client) = Client::start().await else { return };
    let target = client.start_upload("open").await;
    assert_eq!(client.put(&target, "0-*/*", b"abc").await.unwrap().status, 200);
    assert_eq!(client.content("open").await, b"abc");
    let target = client.start_upload("plain").await;
    assert_eq!(client.send("PUT", &target, "", b"abcd").await.unwrap().status, 200);
    assert_eq!(client.content("plain").await, b"abcd");
    let target = client.start_upload("empty").await;
    assert_eq!(client.put(&target, "*/0", b"").await.unwrap().status, 200);
    assert_eq!(client.content("empty").await, b"");
}

#[tokio::test]
async fn parts_are_appended_and_known_bytes_ignored() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(3 * QUANTUM_BYTES + 5);
    let target = client.start_upload("parts").await;
    let part = |start: usize, end: usize, total: &str| {
        let (target, body, range) = (&target, &body, format!("{start}-{}/{total}", end - 1));
        let client = &client;
        async move { client.put(target, &range, &body[start..end]).await.unwrap().persisted() }
    };
    let total = body.len().to_string();
    assert_eq!(part(0, QUANTUM_BYTES, "*").await, (308, Some(QUANTUM_BYTES as u64)));
    // A duplicate, and a part with a known start.
    assert_eq!(part(0, QUANTUM_BYTES, "*").await, (308, Some(QUANTUM_BYTES as u64)));
    assert_eq!(part(0, 2 * QUANTUM_BYTES, &total).await, (308, Some(2 * QUANTUM_BYTES as u64)));
    // Another size is rounded down.
    assert_eq!(
        part(2 * QUANTUM_BYTES, 3 * QUANTUM_BYTES - 1, &total).await,
        (308, Some(2 * QUANTUM_BYTES as u64))
    );
    assert_eq!(client.status(&target).await, (308, Some(2 * QUANTUM_BYTES as u64)));
    // A gap, and a body of another length than declared.
    let gap = client.put(&target, "524289-786431/*", &body[524_289..786_432]).await.unwrap();
    assert_eq!((gap.status, gap.header("content-type")), (503, Some("text/plain; charset=utf-8")));
    assert!(
        String::from_utf8_lossy(&gap.body).contains("the upload offset is 524289 byte(s), which exceeds")
    );
    let short = client.put(&target, "524288-786431/*", &body[524_288..786_431]).await.unwrap();
    assert_eq!(short.status, 400);
    assert_eq!(client.put(&target, "nonsense", b"x").await.unwrap().status, 400);
    assert_eq!(client.status(&target).await, (308, Some(2 * QUANTUM_BYTES as u64)));
    assert_eq!(part(QUANTUM_BYTES, body.len(), &total).await.0, 200);
    assert!(client.content("parts").await == body);
}

#[tokio::test]
async fn an_upload_of_unknown_size_ends_by_naming_it() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(QUANTUM_BYTES);
    let target = client.start_upload("unknown").await;
    assert_eq!(client.put(&target, "0-262143/*", &body).await.unwrap().status, 308);
    assert_eq!(client.put(&target, "*/262144", b"").await.unwrap().status, 200);
    assert!(client.content("unknown").await == body);
}

#[tokio::test]
async fn a_part_that_is_cut_persists_multiples_of_256_kib() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(5 * QUANTUM_BYTES);
    let last = body.len() - 1;
    let whole = format!("0-{last}/{}", body.len());
    let target = client.start_upload("cut").await;
    let cut_after = 2 * QUANTUM_BYTES + 100;
    client.proxy.force(&[
        Fault::CutUpload { after_bytes: cut_after as u64 },
        Fault::CutUpload { after_bytes: 1000 },
        Fault::Unavailable,
        Fault::CutAfter,
    ]);
    // Neither a status request nor a shorter body is cut.
    assert_eq!(client.status(&target).await, (308, None));
    assert_eq!(client.put(&target, "0-999/*", &body[..1000]).await.unwrap().status, 308);
    assert_eq!(client.proxy.seen(), []);
    assert_eq!(client.put(&target, &whole, &body).await, None);
    assert_eq!(client.status(&target).await, (308, Some(2 * QUANTUM_BYTES as u64)));
    let rest = format!("{}-{last}/{}", 2 * QUANTUM_BYTES, body.len());
    assert_eq!(client.put(&target, &rest, &body[2 * QUANTUM_BYTES..]).await, None);
    assert_eq!(client.put(&target, &rest, &body[2 * QUANTUM_BYTES..]).await.unwrap().status, 503);
    assert_eq!(client.put(&target, &rest, &body[2 * QUANTUM_BYTES..]).await, None);
    assert_eq!(client.status(&target).await.0, 200);
    assert!(client.content("cut").await == body);
    // The short part, two cuts, a lost part and the rest.
    let sent = 1000 + cut_after + 1000 + 2 * 3 * QUANTUM_BYTES;
    assert_eq!(client.proxy.uploaded_bytes(), sent as u64);
}

#[tokio::test]
async fn a_part_that_the_client_interrupts_persists_multiples_of_256_kib() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(QUANTUM_BYTES + 10);
    let target = client.start_upload("interrupted").await;
    let range = format!("Content-Range: bytes 0-{}/{}\r\n", body.len() - 1, body.len());
    let request = super::request("PUT", &target, &range, &body);
    let mut stream = client.connect().await;
    stream.write_all(&request[..request.len() - 1]).await.unwrap();
    drop(stream);
    while client.status(&target).await == (308, None) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(client.status(&target).await, (308, Some(QUANTUM_BYTES as u64)));
    assert_eq!(
        client.put(&target, "262144-262153/262154", &body[QUANTUM_BYTES..]).await.unwrap().status,
        200
    );
    assert!(client.content("interrupted").await == body);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(QUANTUM_BYTES + 1);
    let target = client.start_upload("lost").await;
    client.proxy.force_uploads(&[Fault::CutAfter, Fault::CutAfter]);
    assert_eq!(client.put(&target, "0-262143/262145", &body[..QUANTUM_BYTES]).await, None);
    assert_eq!(client.put(&target, "262144-262144/262145", &body[QUANTUM_BYTES..]).await, None);
    let reply = client.put(&target, "*/*", b"").await.unwrap();
    assert_eq!((reply.status, &reply.json()["size"]), (200, &"262145".into()));
    assert!(client.content("lost").await == body);
    assert_eq!(client.proxy.uploaded_bytes(), body.len() as u64);
}

#[tokio::test]
async fn a_resumable_upload_checks_its_precondition() {
    let Some(client) = Client::start().await else { return };
    let first = client.start_upload("new&ifGenerationMatch=0").await;
    let second = client.start_upload("new&ifGenerationMatch=0").await;
    assert_eq!(client.put(&first, "0-2/3", b"abc").await.unwrap().status, 200);
    for _ in 0..2 {
        assert_eq!(client.put(&second, "0-2/3", b"xyz").await.unwrap().status, 412);
    }
    assert_eq!(client.content("new").await, b"abc");
}

#[tokio::test]
async fn a_cancelled_or_unknown_upload_stays_so() {
    let Some(client) = Client::start().await else { return };
    let target = client.start_upload("cancelled").await;
    let unknown = format!("{target}0");
    for (target, status) in [(target, 499), (unknown, 404)] {
        assert_eq!(client.send("DELETE", &target, "", b"").await.unwrap().status, status);
        assert_eq!(client.put(&target, "0-2/3", b"abc").await.unwrap().status, status);
        assert_eq!(client.status(&target).await.0, status);
    }
    assert_eq!(client.send("GET", &client.object("cancelled"), "", b"").await.unwrap().status, 404);
}
