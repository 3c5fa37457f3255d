//! Bodies: chunks, sizes, bandwidth.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{Fault, serve};
use super::{Client, bytes};

/// A request in chunks of these sizes, with an extension and a trailer.
fn chunked(method: &str, target: &str, body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: storage.googleapis.com\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let mut request = head.into_bytes();
    let (mut rest, mut sizes) = (body, sizes.iter().cycle());
    while !rest.is_empty() {
        let (chunk, others) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        request.extend(format!("{:X};a=b\r\n", chunk.len()).into_bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
        rest = others;
    }
    request.extend(b"0\r\nX-Trailer: 1\r\n\r\n");
    request
}

#[tokio::test]
async fn a_chunked_body_is_read_to_its_end() {
    let Some(client) = Client::start().await else { return };
    let body = [b"\r\n0\r\n\r\n", &*bytes(70_000), b"0\r\n\r\n"].concat();
    let request = chunked("POST", &client.media("chunked"), &body, &[1, 7, 40_000]);
    let reply = client.exchange(&request).await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(client.content("chunked").await, body);
    assert_eq!(client.proxy.uploaded_bytes(), body.len() as u64);
}

#[tokio::test]
async fn an_incomplete_body_is_not_forwarded() {
    let Some(client) = Client::start().await else { return };
    for mut request in [
        chunked("POST", &client.media("part"), b"abcdef", &[3]),
        super::request("POST", &client.media("part"), "", b"abcdef"),
    ] {
        request.truncate(request.len() - 2);
        let mut stream = client.connect().await;
        stream.write_all(&request).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        assert!(reply.is_empty());
    }
    let reply = client.send("GET", &client.object("part"), "", b"").await.unwrap();
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn chunked_bodies_are_searched_and_altered() {
    let Some(client) = Client::start().await else { return };
    client.proxy.refuse("unwelcome");
    // The text is split between chunks.
    let request = chunked("POST", &client.media("a"), b"an unwelcome text", &[5]);
    let reply = client.exchange(&request).await.unwrap();
    assert_eq!((reply.status, &reply.json()["error"]["errors"][0]["reason"]), (400, &"invalid".into()));
    client.proxy.alter("marker", "before", "after!");
    let request = chunked("POST", &client.media("a"), b"before marker before", &[5]);
    assert_eq!(client.exchange(&request).await.unwrap().status, 200);
    assert_eq!(client.content("a").await, b"after! marker after!");
}

#[tokio::test]
async fn bodies_above_the_buffer_pass_in_both_directions() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(serve::MAX_BUFFERED_BYTES + 3_000_000);
    let sized = super::request("POST", &client.media("large"), "", &body);
    let in_chunks = chunked("POST", &client.media("large"), &body, &[1_000_000]);
    for request in [sized, in_chunks] {
        let reply = client.exchange(&request).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(client.content("large").await == body);
        assert_eq!(client.send("DELETE", &client.object("large"), "", b"").await.unwrap().status, 200);
    }
    assert_eq!(client.proxy.uploaded_bytes(), 2 * body.len() as u64);
    let target = client.start_upload("large").await;
    assert_eq!(client.exchange(&chunked("PUT", &target, &body, &[1_000_000])).await.unwrap().status, 200);
    assert!(client.content("large").await == body);
    client.proxy.force(&[Fault::Truncated]);
    assert!(client.content("large").await == body[..body.len() - 10]);
}

#[tokio::test]
async fn the_rate_limits_both_directions() {
    let Some(client) = Client::start().await else { return };
    let body = bytes(200_000);
    client.proxy.limit_rate(400_000);
    let start = Instant::now();
    assert_eq!(client.send("POST", &client.media("slow"), "", &body).await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(client.content("slow").await, body);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_is_asked_for_if_the_client_waits() {
    let Some(client) = Client::start().await else { return };
    let request = super::request("POST", &client.media("asked"), "Expect: 100-continue\r\n", b"abc");
    let reply = client.exchange(&request).await.unwrap();
    assert_eq!(reply.status, 100);
    assert!(reply.body.starts_with(b"HTTP/1.1 200 "), "{reply:?}");
}
