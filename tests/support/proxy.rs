//! A proxy that injects faults of networks and servers, scheduled by a seed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429 with `Retry-After: 0`; the request is not forwarded.
    TooMany,
    /// 503 with Google's JSON; the request is not forwarded.
    Unavailable,
    /// 502 with HTML, as of a proxy; the request is not forwarded.
    HtmlPage,
    /// The connection is closed; the request is not forwarded.
    CutBefore,
    /// The request is forwarded, and the connection closed without a response.
    CutAfter,
    /// The request is forwarded, and the response sent after the client's timeout.
    TooLate,
    /// The request is forwarded, and the response truncated.
    Truncated,
    /// 401; the request is not forwarded.
    Expired,
    /// 403; the request is not forwarded.
    Forbidden,
    /// 400 with BigQuery's message about a full queue of DML statements; the request is not forwarded.
    QueueIsFull,
}

const FAULTS: [Fault; 7] = [
    Fault::TooMany,
    Fault::Unavailable,
    Fault::HtmlPage,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::TooLate,
    Fault::Truncated,
];

/// Maximum number of consecutive faults: less than the minimum number of attempts of a client.
const MAX_CONSECUTIVE_FAULTS: u32 = 3;

struct Schedule {
    random: ChaCha8Rng,
    /// One request in `one_in` fails; 0 for none.
    one_in: u32,
    /// Faults of the next requests in reverse order, before the random ones.
    forced: Vec<Fault>,
    /// Whether `forced` applies to uploads only.
    only_uploads: bool,
    consecutive: u32,
    injected: Vec<Fault>,
    /// Requests that contain these bytes get a 400.
    refused_content: Option<Vec<u8>>,
    /// Whether all connections are closed.
    is_cut: bool,
    /// Whether messages of 404 responses are replaced by those of Cloud Storage.
    has_gcs_messages: bool,
    /// Replacements in requests and responses.
    replacements: Vec<Replacement>,
}

/// Replaces `from` by `to`, which has the same length, in messages that contain `marker`.
#[derive(Clone)]
struct Replacement {
    marker: &'static str,
    from: &'static str,
    to: &'static str,
}

impl Replacement {
    /// Applies the replacement. The length does not change, so that `Content-Length` stays correct.
    fn apply(&self, bytes: &mut [u8]) {
        let (from, to) = (self.from.as_bytes(), self.to.as_bytes());
        if !bytes.windows(self.marker.len()).any(|window| window == self.marker.as_bytes()) {
            return;
        }
        for start in 0..bytes.len().saturating_sub(from.len()) {
            if bytes[start..].starts_with(from) {
                bytes[start..start + to.len()].copy_from_slice(to);
            }
        }
    }
}

impl Schedule {
    fn next(&mut self, is_upload: bool) -> Option<Fault> {
        let is_affected = is_upload || !self.only_uploads;
        let fault = match self.forced.pop_if(|_| is_affected) {
            _ if self.is_cut => Some(Fault::CutBefore),
            Some(fault) => Some(fault),
            None => (self.one_in > 0
                && self.consecutive < MAX_CONSECUTIVE_FAULTS
                && self.random.random_ratio(1, self.one_in))
            .then(|| FAULTS[self.random.random_range(0..FAULTS.len())]),
        };
        self.consecutive = if fault.is_some() { self.consecutive + 1 } else { 0 };
        self.injected.extend(fault);
        fault
    }
}

/// A running proxy. Dropping it stops the proxy.
pub(crate) struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    schedule: Arc<Mutex<Schedule>>,
    /// Dropping the sender stops the proxy.
    _stop: oneshot::Sender<()>,
}

impl Proxy {
    /// Starts a proxy for `upstream` (`http://host:port` or `host:port`) in which one request in `one_in` fails, chosen
    /// by `seed`. `late` must be longer than the timeout of the client.
    pub(crate) async fn start(upstream: &str, seed: u64, one_in: u32, late: Duration) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let random = ChaCha8Rng::seed_from_u64(seed);
        let schedule = Schedule {
            random,
            one_in,
            forced: Vec::new(),
            only_uploads: false,
            consecutive: 0,
            injected: Vec::new(),
            refused_content: None,
            is_cut: false,
            has_gcs_messages: false,
            replacements: Vec::new(),
        };
        let schedule = Arc::new(Mutex::new(schedule));
        let (stop, mut stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&schedule);
        tokio::spawn(async move {
            loop {
                let client = tokio::select! {
                    accepted = listener.accept() => match accepted { Ok((client, _)) => client, Err(_) => return },
                    _ = &mut stopped => return,
                };
                let (schedule, upstream) = (Arc::clone(&shared), upstream.clone());
                tokio::spawn(async move {
                    // Broken connections are expected.
                    let _ = serve(client, &upstream, &schedule, late).await;
                });
            }
        });
        Self { url, schedule, _stop: stop }
    }

    /// Injects these faults into the next requests, in this order.
    pub(crate) fn force(&self, faults: &[Fault]) {
        self.force_some(faults, false);
    }

    /// Injects these faults into the next uploads, in this order.
    pub(crate) fn force_uploads(&self, faults: &[Fault]) {
        self.force_some(faults, true);
    }

    fn force_some(&self, faults: &[Fault], only_uploads: bool) {
        let mut schedule = self.schedule.lock().expect("no panic elsewhere");
        schedule.forced = faults.iter().rev().copied().collect();
        schedule.only_uploads = only_uploads;
    }

    /// Closes all connections from now on, or forwards again.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.schedule.lock().expect("no panic elsewhere").is_cut = is_cut;
    }

    /// Replaces the messages of 404 responses by those of Cloud Storage from now on, because the emulator's do not name
    /// the missing bucket or object.
    pub(crate) fn word_as_cloud_storage(&self) {
        self.schedule.lock().expect("no panic elsewhere").has_gcs_messages = true;
    }

    /// Responds with 400 to requests that contain this text from now on.
    pub(crate) fn refuse(&self, text: &str) {
        self.schedule.lock().expect("no panic elsewhere").refused_content = Some(text.as_bytes().to_vec());
    }

    /// Replaces `from` by `to`, which must have the same length, in requests and responses that contain `marker` from
    /// now on.
    pub(crate) fn alter(&self, marker: &'static str, from: &'static str, to: &'static str) {
        assert_eq!(from.len(), to.len());
        self.schedule.lock().expect("no panic elsewhere").replacements.push(Replacement { marker, from, to });
    }

    /// The faults injected so far.
    pub(crate) fn seen(&self) -> Vec<Fault> {
        self.schedule.lock().expect("no panic elsewhere").injected.clone()
    }
}

/// Handles the first request of a connection and closes it.
async fn serve(
    mut client: TcpStream,
    upstream: &str,
    schedule: &Mutex<Schedule>,
    late: Duration,
) -> std::io::Result<()> {
    let mut request = read_request(&mut client).await?;
    let replacements = schedule.lock().expect("no panic elsewhere").replacements.clone();
    for replacement in &replacements {
        replacement.apply(&mut request);
    }
    let fault = schedule.lock().expect("no panic elsewhere").next(request.starts_with(b"POST /upload/"));
    let refusal = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
    };
    let json = |reason: &str| {
        format!(r#"{{"error":{{"message":"by schedule","errors":[{{"reason":"{reason}"}}]}}}}"#)
    };
    let refused_content = schedule.lock().expect("no panic elsewhere").refused_content.clone();
    if let Some(text) = refused_content
        && request.windows(text.len()).any(|window| window == text)
    {
        client.write_all(refusal("400 Bad Request", "", &json("invalid")).as_bytes()).await?;
        return client.shutdown().await;
    }
    let mut answer = match fault {
        Some(Fault::TooMany) => {
            refusal("429 Too Many Requests", "Retry-After: 0\r\n", &json("rateLimitExceeded")).into_bytes()
        }
        Some(Fault::Unavailable) => {
            refusal("503 Service Unavailable", "", &json("backendError")).into_bytes()
        }
        Some(Fault::HtmlPage) => refusal("502 Bad Gateway", "", "<html><h1>502</h1></html>").into_bytes(),
        Some(Fault::Expired) => refusal("401 Unauthorized", "", &json("authError")).into_bytes(),
        Some(Fault::Forbidden) => refusal("403 Forbidden", "", &json("accessDenied")).into_bytes(),
        Some(Fault::QueueIsFull) => {
            let message = "Resources exceeded during query execution: Too many DML statements outstanding against table \
                           demo:d.job_embeddings, limit is 20.";
            let body = json("resourcesExceeded").replace("by schedule", message);
            refusal("400 Bad Request", "", &body).into_bytes()
        }
        Some(Fault::CutBefore) => return Ok(()),
        Some(Fault::CutAfter) => {
            forward(upstream, &request).await?;
            return Ok(());
        }
        Some(Fault::TooLate) => {
            let answer = forward(upstream, &request).await?;
            tokio::time::sleep(late).await;
            answer
        }
        Some(Fault::Truncated) => {
            let answer = forward(upstream, &request).await?;
            answer[..answer.len() - answer.len().min(20) / 2].to_vec()
        }
        None => forward(upstream, &request).await?,
    };
    for replacement in &replacements {
        replacement.apply(&mut answer);
    }
    let has_gcs_messages = schedule.lock().expect("no panic elsewhere").has_gcs_messages;
    if has_gcs_messages && answer.starts_with(b"HTTP/1.1 404 ") {
        let message = missing(upstream, &request).await?;
        let error = serde_json::json!({ "code": 404, "message": message,
            "errors": [{ "message": message, "domain": "global", "reason": "notFound" }] });
        let body = serde_json::json!({ "error": error }).to_string();
        answer = refusal("404 Not Found", "Content-Type: application/json\r\n", &body).into_bytes();
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// Reads a request, and adds `Connection: close` to its headers.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let end = head + 4 + length.unwrap_or_default();
    while request.len() < end {
        if client.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut alone = text.into_bytes();
    alone.extend(b"\r\nConnection: close\r\n\r\n");
    alone.extend(&request[head + 4..]);
    Ok(alone)
}

/// Cloud Storage's message about the missing bucket or object of a request.
async fn missing(upstream: &str, request: &[u8]) -> std::io::Result<String> {
    let line = String::from_utf8_lossy(request);
    let path = line.split_whitespace().nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (_, named) = path.split_once("/b/").unwrap_or_default();
    let (bucket, object) = named.split_once("/o").unwrap_or((named, ""));
    let look = format!("GET /storage/v1/b/{bucket} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    if forward(upstream, look.as_bytes()).await?.starts_with(b"HTTP/1.1 404 ") {
        return Ok("The specified bucket does not exist.".into());
    }
    Ok(format!("No such object: {bucket}{}", object.replace("%2F", "/").replace("%20", " ")))
}

async fn forward(upstream: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}
