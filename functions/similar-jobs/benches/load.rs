//! A load for a service, and how long its answers took.
//!
//! `load ADDRESS REQUESTS SECONDS rate PER_SECOND` sends at moments drawn beforehand (a Poisson process), whatever the service does: a
//! late answer delays no other request, and time is counted from the moment at which a request was due. `load ADDRESS REQUESTS SECONDS
//! clients N` has N clients that ask again as soon as they are answered. REQUESTS is a file with a request a line, `GET PATH` or
//! `POST PATH BODY`, and after a tab how many results it must have; they are sent in turn, again from the first after the last.
//! Prints one line of JSON. `scripts/bench similar` starts it.

use std::error::Error;
use std::future::ready;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::net::TcpStream;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Connections of a load whose rate is given: more than are ever busy while the service keeps up.
const CONNECTIONS: usize = 64;

struct Line {
    method: Method,
    path: String,
    body: Bytes,
    results: usize,
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    /// Of requests that were answered as they should be.
    latencies_ms: Vec<f64>,
    /// Answers of another status, or none.
    failed: usize,
    /// Answers with fewer results than there are.
    short: usize,
    first_failure: Option<String>,
}

struct Load {
    address: String,
    lines: Vec<Line>,
    next: AtomicUsize,
    tally: Mutex<Tally>,
}

impl Load {
    fn read(address: &str, file: &str) -> Outcome<Self> {
        let lines = std::fs::read_to_string(file)?;
        let lines = lines.lines().map(parse).collect::<Option<Vec<_>>>().ok_or("a line is no request")?;
        if lines.is_empty() {
            return Err("there are no requests".into());
        }
        Ok(Self { address: address.to_owned(), lines, next: AtomicUsize::new(0), tally: Mutex::default() })
    }

    async fn connect(&self) -> Outcome<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends the next request and notes its answer; `due` is when it should have been sent.
    async fn ask(&self, sender: &mut SendRequest<Full<Bytes>>, due: Instant) -> Outcome<()> {
        let line = &self.lines[self.next.fetch_add(1, Ordering::Relaxed) % self.lines.len()];
        let request = Request::builder()
            .method(line.method.clone())
            .uri(&line.path)
            .header(header::HOST, &self.address)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(line.body.clone()))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let latency_ms = due.elapsed().as_secs_f64() * 1e3;
        if status != StatusCode::OK {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        let results = body.windows(7).filter(|window| window == b"\"rank\":").count();
        let mut tally = self.tally.lock().map_err(|_| "a thread panicked")?;
        tally.latencies_ms.push(latency_ms);
        tally.short += usize::from(results < line.results);
        Ok(())
    }

    fn note_failure(&self, error: &(dyn Error + Send + Sync)) {
        if let Ok(mut tally) = self.tally.lock() {
            tally.failed += 1;
            tally.first_failure.get_or_insert_with(|| error.to_string());
        }
    }

    /// Asks whenever `due` gives a moment, over one connection, which is made again when it breaks.
    async fn client(self: Arc<Self>, due: impl Stream<Item = Instant>) {
        let mut due = pin!(due);
        let mut sender = None;
        while let Some(due) = due.next().await {
            let asked = async {
                let mut open = match sender.take() {
                    Some(open) => open,
                    None => self.connect().await?,
                };
                self.ask(&mut open, due).await?;
                Outcome::Ok(open)
            };
            match asked.await {
                Ok(open) => sender = Some(open),
                Err(error) => self.note_failure(error.as_ref()),
            }
        }
    }
}

fn parse(line: &str) -> Option<Line> {
    let (request, results) = line.split_once('\t').unwrap_or((line, "0"));
    let (method, rest) = request.split_once(' ')?;
    let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(Line {
        method: method.parse().ok()?,
        path: path.to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        results: results.parse().ok()?,
    })
}

async fn at_a_rate(load: &Arc<Load>, per_second: f64, seconds: f64) -> Outcome<()> {
    let (sender, due) = async_channel::unbounded();
    // A thread of its own: the runtime's timer counts whole milliseconds.
    let pacer = std::thread::spawn(move || {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let start = Instant::now();
        let mut after = 0.0;
        while after < seconds {
            let moment = start + Duration::from_secs_f64(after);
            std::thread::sleep(moment.saturating_duration_since(Instant::now()));
            if sender.send_blocking(moment).is_err() {
                break;
            }
            after -= (1.0 - rng.random::<f64>()).ln() / per_second;
        }
    });
    let clients = (0..CONNECTIONS).map(|_| tokio::spawn(Arc::clone(load).client(due.clone())));
    for client in clients.collect::<Vec<_>>() {
        client.await?;
    }
    pacer.join().map_err(|_| "the pacer panicked".into())
}

async fn with_clients(load: &Arc<Load>, clients: usize, seconds: f64) -> Outcome<()> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let clients = (0..clients).map(|_| {
        let due = stream::repeat_with(Instant::now).take_while(move |now| ready(*now < end));
        tokio::spawn(Arc::clone(load).client(due))
    });
    for client in clients.collect::<Vec<_>>() {
        client.await?;
    }
    Ok(())
}

async fn run(arguments: &[&str]) -> Outcome<serde_json::Value> {
    let [address, file, seconds, kind, number] = arguments else {
        return Err("usage: load ADDRESS REQUESTS SECONDS rate|clients NUMBER".into());
    };
    let load = Arc::new(Load::read(address, file)?);
    let seconds = seconds.parse()?;
    let clock = Instant::now();
    match *kind {
        "rate" => at_a_rate(&load, number.parse()?, seconds).await?,
        "clients" => with_clients(&load, number.parse()?, seconds).await?,
        _ => return Err(format!("{kind:?} is neither rate nor clients").into()),
    }
    let took = clock.elapsed().as_secs_f64();
    let mut tally = load.tally.lock().map_err(|_| "a thread panicked")?;
    tally.latencies_ms.sort_unstable_by(f64::total_cmp);
    let times = &tally.latencies_ms;
    let percentile = |share: f64| times.get(((times.len().max(1) - 1) as f64 * share).round() as usize);
    Ok(serde_json::json!({
        "answered": times.len(), "failed": tally.failed, "short": tally.short, "first_failure": tally.first_failure,
        "per_second": times.len() as f64 / took, "p50_ms": percentile(0.5), "p90_ms": percentile(0.9),
        "p99_ms": percentile(0.99), "max_ms": times.last(),
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    // `scripts/bench hot` starts every benchmark; this one needs a service.
    if arguments.is_empty() {
        return std::process::ExitCode::SUCCESS;
    }
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("load: {error}");
            return std::process::ExitCode::FAILURE;
        }
    }
    std::process::ExitCode::SUCCESS
}
