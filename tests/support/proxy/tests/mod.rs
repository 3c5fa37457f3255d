//! Tests of the proxy against the emulators, with requests of exact bytes.

mod faults;
mod messages;
mod resumable;

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Proxy;
use crate::support::emulators;

/// A client of a proxy in front of the Cloud Storage emulator, with a bucket.
struct Client {
    proxy: Proxy,
    bucket: String,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The status and the number of persisted bytes of a resumable upload.
    fn persisted(&self) -> (u16, Option<u64>) {
        let last = self.header("range").map(|range| range.strip_prefix("bytes=0-").unwrap().parse::<u64>());
        (self.status, last.map(|last| last.unwrap() + 1))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

impl Client {
    /// Starts a proxy that injects no faults and returns a client of it. Returns `None` if there is no emulator.
    async fn start() -> Option<Self> {
        let emulators = emulators()?;
        let proxy = Proxy::start(&emulators.storage, 0, 0, Duration::ZERO).await;
        Some(Self { proxy, bucket: emulators.bucket() })
    }

    async fn connect(&self) -> TcpStream {
        connect(&self.proxy).await
    }

    /// Sends bytes and returns the response; `None` if the connection is closed without one.
    async fn exchange(&self, request: &[u8]) -> Option<Reply> {
        exchange(&self.proxy, request).await
    }

    /// Sends a request whose headers end with CRLF.
    async fn send(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Option<Reply> {
        self.exchange(&request(method, target, headers, body)).await
    }

    /// The address of an object.
    fn object(&self, name: &str) -> String {
        format!("/storage/v1/b/{}/o/{name}", self.bucket)
    }

    /// The content of an object.
    async fn content(&self, name: &str) -> Vec<u8> {
        let reply = self.send("GET", &format!("{}?alt=media", self.object(name)), "", b"").await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    }

    /// The target of an upload in one request.
    fn media(&self, name: &str) -> String {
        format!("/upload/storage/v1/b/{}/o?uploadType=media&name={name}", self.bucket)
    }

    /// Starts a resumable upload and returns its target.
    async fn start_upload(&self, name_and_parameters: &str) -> String {
        let target =
            format!("/upload/storage/v1/b/{}/o?uploadType=resumable&name={name_and_parameters}", self.bucket);
        let metadata = br#"{"contentType":"text/x-test"}"#;
        let reply = self.send("POST", &target, "Content-Type: application/json\r\n", metadata).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        // The host was sent without a port.
        reply
            .header("location")
            .unwrap()
            .strip_prefix(&self.proxy.url)
            .expect("the proxy's address")
            .to_owned()
    }

    /// Sends a part of a resumable upload; `None` if the connection is closed without a response.
    async fn put(&self, target: &str, range: &str, body: &[u8]) -> Option<Reply> {
        self.send("PUT", target, &format!("Content-Range: bytes {range}\r\n"), body).await
    }

    /// The status of a resumable upload.
    async fn status(&self, target: &str) -> (u16, Option<u64>) {
        self.put(target, "*/*", b"").await.unwrap().persisted()
    }
}

/// A request with the headers of Google's crates.
fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.url.trim_start_matches("http://")).await.unwrap()
}

async fn exchange(proxy: &Proxy, request: &[u8]) -> Option<Reply> {
    let mut stream = connect(proxy).await;
    stream.write_all(request).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Reply { status, head, body: bytes[end + 4..].to_vec() })
}

/// Bytes without a period, which depend only on the number.
fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut random = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(count as u64);
    rand::RngCore::fill_bytes(&mut random, &mut bytes);
    bytes
}
