//! A proxy that does to requests what networks and servers do to them, by a schedule that a seed decides.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server is never asked: 429, come back in no time.
    TooMany,
    /// The server is never asked: 503 in Google's words.
    Unavailable,
    /// The server is never asked: a page of HTML from somebody between.
    HtmlPage,
    /// The connection ends before the server is asked.
    CutBefore,
    /// The server does its work, and the connection ends before it can say so.
    CutAfter,
    /// The server does its work and answers after the client has given up.
    TooLate,
    /// Half of the answer arrives.
    Truncated,
    /// The token is refused, once.
    Expired,
    /// The account may not.
    Forbidden,
    /// Twenty statements wait to change the table.
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

/// Requests in a row that may fail: one less than a client tries at least.
const LONGEST_ROW: u32 = 3;

struct Schedule {
    random: ChaCha8Rng,
    /// One request in so many fails; 0 for none.
    one_in: u32,
    /// What comes first, whatever the seed.
    forced: Vec<Fault>,
    /// Whether only uploads fail by it.
    uploads_alone: bool,
    in_a_row: u32,
    seen: Vec<Fault>,
    /// Requests that hold these bytes are refused for what is in them.
    unwelcome: Option<Vec<u8>>,
    /// Nobody gets through.
    is_cut: bool,
    /// What is missing is said in Cloud Storage's words.
    is_worded: bool,
    /// What is replaced in requests that hold the first text, and in answers: one text by another of the same length.
    altered: Vec<Altered>,
}

#[derive(Clone)]
struct Altered {
    marker: &'static str,
    from: &'static str,
    to: &'static str,
}

impl Altered {
    /// Alters what a connection carries, whose lengths are counted elsewhere.
    fn alter(&self, bytes: &mut [u8]) {
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
        let is_meant = is_upload || !self.uploads_alone;
        let fault = match self.forced.pop_if(|_| is_meant) {
            _ if self.is_cut => Some(Fault::CutBefore),
            Some(fault) => Some(fault),
            None => {
                (self.one_in > 0 && self.in_a_row < LONGEST_ROW && self.random.random_ratio(1, self.one_in))
                    .then(|| FAULTS[self.random.random_range(0..FAULTS.len())])
            }
        };
        self.in_a_row = if fault.is_some() { self.in_a_row + 1 } else { 0 };
        self.seen.extend(fault);
        fault
    }
}

/// A running proxy; it ends with this value.
pub(crate) struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    schedule: Arc<Mutex<Schedule>>,
    /// Dropped with this value, which ends the proxy.
    _stop: oneshot::Sender<()>,
}

impl Proxy {
    /// A proxy before `upstream` (`http://host:port` or `host:port`) in which one request in `one_in` fails, as `seed`
    /// decides; `late` is longer than the client waits for an answer.
    pub(crate) async fn start(upstream: &str, seed: u64, one_in: u32, late: Duration) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let random = ChaCha8Rng::seed_from_u64(seed);
        let schedule = Schedule {
            random,
            one_in,
            forced: Vec::new(),
            uploads_alone: false,
            in_a_row: 0,
            seen: Vec::new(),
            unwelcome: None,
            is_cut: false,
            is_worded: false,
            altered: Vec::new(),
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
                    // A connection that breaks is what this is about.
                    let _ = serve(client, &upstream, &schedule, late).await;
                });
            }
        });
        Self { url, schedule, _stop: stop }
    }

    /// The next requests fail in these ways, in this order.
    pub(crate) fn force(&self, faults: &[Fault]) {
        self.force_some(faults, false);
    }

    /// The next requests that upload something fail in these ways, in this order.
    pub(crate) fn force_uploads(&self, faults: &[Fault]) {
        self.force_some(faults, true);
    }

    fn force_some(&self, faults: &[Fault], uploads_alone: bool) {
        let mut schedule = self.schedule.lock().expect("no panic elsewhere");
        schedule.forced = faults.iter().rev().copied().collect();
        schedule.uploads_alone = uploads_alone;
    }

    /// From now on nobody gets through, or everybody does again.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.schedule.lock().expect("no panic elsewhere").is_cut = is_cut;
    }

    /// From now on, an answer of 404 says in Cloud Storage's words what is missing: its emulator has other words, and names nothing.
    pub(crate) fn word_as_cloud_storage(&self) {
        self.schedule.lock().expect("no panic elsewhere").is_worded = true;
    }

    /// From now on, requests that hold this text are refused for what is in them.
    pub(crate) fn refuse(&self, text: &str) {
        self.schedule.lock().expect("no panic elsewhere").unwelcome = Some(text.as_bytes().to_vec());
    }

    /// From now on, in requests and answers that hold `marker`, `from` is replaced by `to`, which is as long.
    pub(crate) fn alter(&self, marker: &'static str, from: &'static str, to: &'static str) {
        assert_eq!(from.len(), to.len());
        self.schedule.lock().expect("no panic elsewhere").altered.push(Altered { marker, from, to });
    }

    /// What has happened so far.
    pub(crate) fn seen(&self) -> Vec<Fault> {
        self.schedule.lock().expect("no panic elsewhere").seen.clone()
    }
}

/// One request of a connection, which then ends.
async fn serve(
    mut client: TcpStream,
    upstream: &str,
    schedule: &Mutex<Schedule>,
    late: Duration,
) -> std::io::Result<()> {
    let mut request = read_request(&mut client).await?;
    let altered = schedule.lock().expect("no panic elsewhere").altered.clone();
    for altered in &altered {
        altered.alter(&mut request);
    }
    let fault = schedule.lock().expect("no panic elsewhere").next(request.starts_with(b"POST /upload/"));
    let refusal = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
    };
    let json = |reason: &str| {
        format!(r#"{{"error":{{"message":"by schedule","errors":[{{"reason":"{reason}"}}]}}}}"#)
    };
    let unwelcome = schedule.lock().expect("no panic elsewhere").unwelcome.clone();
    if let Some(text) = unwelcome
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
            ask(upstream, &request).await?;
            return Ok(());
        }
        Some(Fault::TooLate) => {
            let answer = ask(upstream, &request).await?;
            tokio::time::sleep(late).await;
            answer
        }
        Some(Fault::Truncated) => {
            let answer = ask(upstream, &request).await?;
            answer[..answer.len() - answer.len().min(20) / 2].to_vec()
        }
        None => ask(upstream, &request).await?,
    };
    for altered in &altered {
        altered.alter(&mut answer);
    }
    let is_worded = schedule.lock().expect("no panic elsewhere").is_worded;
    if is_worded && answer.starts_with(b"HTTP/1.1 404 ") {
        let message = missing(upstream, &request).await?;
        let error = serde_json::json!({ "code": 404, "message": message,
            "errors": [{ "message": message, "domain": "global", "reason": "notFound" }] });
        let body = serde_json::json!({ "error": error }).to_string();
        answer = refusal("404 Not Found", "Content-Type: application/json\r\n", &body).into_bytes();
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// The whole request, told to the server as the only one of its connection.
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

/// What Cloud Storage says of a bucket or an object that is not there.
async fn missing(upstream: &str, request: &[u8]) -> std::io::Result<String> {
    let line = String::from_utf8_lossy(request);
    let path = line.split_whitespace().nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (_, named) = path.split_once("/b/").unwrap_or_default();
    let (bucket, object) = named.split_once("/o").unwrap_or((named, ""));
    let look = format!("GET /storage/v1/b/{bucket} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    if ask(upstream, look.as_bytes()).await?.starts_with(b"HTTP/1.1 404 ") {
        return Ok("The specified bucket does not exist.".into());
    }
    Ok(format!("No such object: {bucket}{}", object.replace("%2F", "/").replace("%20", " ")))
}

async fn ask(upstream: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}
