//! Vertex AI: `embed-new-jobs` with a fake server that enforces the published limits.
//!
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use common::job::embedding_text;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::support::{Ended, Market, Running, Vectors, ad};

const MODEL: &str = "vertex:text-embedding-005";
const TABLE: &str = "job_embeddings_vertex_text_embedding_005";
const PATH: &str =
    "/v1/projects/demo/locations/us-central1/publishers/google/models/text-embedding-005:predict";

/// The server rejects texts that contain this.
const REFUSED: &str = "not for the model";

/// Statistics of the server.
#[derive(Default)]
struct Seen {
    requests: usize,
    /// Number of requests rejected because of the quota, and because of their content.
    refused: [usize; 2],
    embedded: Vec<String>,
}

/// A fake Vertex AI server; it runs until the process ends.
struct Vertex {
    host: String,
    seen: Arc<Mutex<Seen>>,
}

impl Vertex {
    fn start() -> Self {
        Self::at("127.0.0.1:0")
    }

    fn at(host: &str) -> Self {
        let listener = TcpListener::bind(host).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::<Mutex<Seen>>::default();
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(&stream.unwrap(), &all));
            }
        });
        Self { host, seen }
    }

    /// `embed-new-jobs` configured for this server.
    fn command(&self, market: &Market) -> Command {
        command(market, &self.host)
    }

    fn embed(&self, market: &Market) -> Value {
        let ended = Running::start(&mut self.command(market)).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.answer()["report"].clone()
    }

    /// Returns the statistics since the last call.
    fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn command(market: &Market, host: &str) -> Command {
    let mut command = market.command("embed-new-jobs");
    command.arg("--once").envs(variables(host));
    command
}

/// The environment variables for the server.
fn variables(host: &str) -> [(&str, &str); 3] {
    [("EMBEDDING_MODEL", MODEL), ("VERTEX_EMULATOR_HOST", host), ("GOOGLE_CLOUD_PROJECT", "demo")]
}

/// Handles the first request of a connection and closes it.
fn serve(stream: &TcpStream, seen: &Mutex<Seen>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.to_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let (status, answer) = answer(&head[0], &body, &mut seen.lock().unwrap());
    let answer = answer.to_string();
    let length = answer.len();
    write!(
        &mut &*stream,
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n\
         {answer}"
    )
    .unwrap();
}

/// The status and body of a response.
fn answer(line: &str, body: &[u8], seen: &mut Seen) -> (u16, Value) {
    let error = |code: u16, status: &str, message: String| {
        (code, json!({"error": {"code": code, "message": message, "status": status}}))
    };
    seen.requests += 1;
    if line.trim_end() != format!("post {PATH} http/1.1") {
        return error(404, "NOT_FOUND", format!("no model at {line}"));
    }
    if seen.requests.is_multiple_of(3) {
        seen.refused[0] += 1;
        let metric = "aiplatform.googleapis.com/online_prediction_requests_per_base_model";
        return error(429, "RESOURCE_EXHAUSTED", format!("Quota exceeded for {metric}."));
    }
    match contents(body) {
        Ok(texts) => {
            let prediction = |text: &String| {
                let statistics =
                    json!({"truncated": tokens(text) > 2048, "token_count": tokens(text).min(2048)});
                json!({"embeddings": {"values": vector(text, 1.01), "statistics": statistics}})
            };
            let predictions: Vec<Value> = texts.iter().map(prediction).collect();
            seen.embedded.extend(texts);
            (200, json!({"predictions": predictions, "metadata": {"billableCharacterCount": 1}}))
        }
        Err(message) => {
            seen.refused[1] += 1;
            error(400, "INVALID_ARGUMENT", message)
        }
    }
}

/// The texts of a valid request.
fn contents(body: &[u8]) -> Result<Vec<String>, String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let instances = request["instances"].as_array().ok_or("instances is required")?;
    if instances.is_empty() || instances.len() > 250 {
        return Err(format!("250 instance(s) is allowed per prediction. Actual: {}", instances.len()));
    }
    if request["parameters"] != json!({"autoTruncate": true}) {
        return Err(format!("Invalid parameters: {}", request["parameters"]));
    }
    let texts = instances.iter().map(|instance| {
        let text = instance["content"].as_str().unwrap_or_default();
        match instance["task_type"].as_str() {
            _ if text.is_empty() => Err("The text content is empty.".to_owned()),
            _ if text.contains(REFUSED) => Err("Request contains an invalid argument.".to_owned()),
            Some("SEMANTIC_SIMILARITY") => Ok(text.to_owned()),
            other => Err(format!("Unable to find task type {other:?}")),
        }
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let count: usize = texts.iter().map(|text| tokens(text)).sum();
    if count > 20_000 {
        return Err(format!("The input token count is {count} but the model supports up to 20000."));
    }
    Ok(texts)
}

/// An estimate of the number of tokens: two per word, and four per character of four bytes.
fn tokens(text: &str) -> usize {
    2 * text.split_whitespace().count() + text.chars().filter(|c| c.len_utf8() == 4).count() * 4
}

/// A pseudo-random vector that depends only on `text`.
fn vector(text: &str, length: f64) -> Vec<f32> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let mut random = ChaCha8Rng::seed_from_u64(hasher.finish());
    let values: Vec<f64> = (0..768).map(|_| random.random_range(-1.0..1.0)).collect();
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    values.iter().map(|x| (x / norm * length) as f32).collect()
}

fn vectors_of_vertex(market: &Market) -> Vectors {
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let sql = format!("SELECT job_id, to_json(embedding)::VARCHAR FROM {TABLE}");
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(|row| row.map(|(id, text)| (id, serde_json::from_str(&text).unwrap())).unwrap()).collect()
}

/// Asserts that the table has exactly these ads, each with the unit vector of its text.
fn assert_vectors(market: &Market, ads: &[&Value]) {
    let vectors = vectors_of_vertex(market);
    assert_eq!(vectors.len(), ads.len());
    for ad in ads {
        let text = embedding_text(ad["job_title"].as_str(), ad["job_description"].as_str()).unwrap();
        let stored = &vectors[ad["job_id"].as_str().unwrap()];
        let distance = stored.iter().zip(vector(&text, 1.0)).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(distance < 1e-6, "{text}: {distance}");
        let norm = stored.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!(stored.len() == 768 && (norm - 1.0).abs() < 1e-6, "{text}: {norm}");
    }
}

fn cook(number: usize, description: &str) -> Value {
    let description = description.replace('#', &number.to_string());
    ad(&format!("cook-{number}"), json!(format!("Cook {number}")), json!(description), 0)
}

#[test]
fn every_ad_gets_its_vector_within_the_limits_of_the_api() {
    // Texts of usual length, short texts of which a chunk is one request, and texts with more tokens than characters.
    let long = "Fries # eggs, peels # onions, and keeps the kitchen clean. ".repeat(14);
    let emoji = format!("# {}", "👩‍🍳".repeat(300));
    let mut ads: Vec<Value> = (0..120).map(|number| cook(number, &long)).collect();
    ads.extend((120..420).map(|number| cook(number, "Fries # eggs.")));
    ads.extend((420..440).map(|number| cook(number, &emoji)));
    let market = Market::empty();
    market.load(&ads);
    market.embedded(&["--limit", "5"]);
    let local = market.vectors();

    let vertex = Vertex::start();
    let report = vertex.embed(&market);
    assert_eq!((&report["embedded"], &report["failed"]), (&json!(ads.len()), &json!(0)));
    assert_eq!(report["table"], TABLE);
    assert_vectors(&market, &ads.iter().collect::<Vec<_>>());
    let mut seen = vertex.take();
    seen.embedded.sort_unstable();
    seen.embedded.dedup();
    assert_eq!(seen.embedded.len(), ads.len());
    assert!(seen.refused[0] > 3 && (1..20).contains(&seen.refused[1]), "{:?}", seen.refused);
    assert!(seen.requests < 60, "{}", seen.requests);
    let described = format!(
        "SELECT count(*) FROM {TABLE} WHERE model_name = '{MODEL}' AND starts_with(embedding_space, model_name)"
    );
    assert_eq!(market.count(&described), i64::try_from(ads.len()).unwrap());

    let again = vertex.embed(&market);
    assert_eq!((&again["embedded"], &again["unchanged"]), (&json!(0), &json!(ads.len())));
    assert_eq!(vertex.take().requests, 0);
    assert!(market.vectors() == local && local.len() == 5, "the table of the local model has changed");
}

#[test]
fn a_rejected_text_fails_alone() {
    let mut ads: Vec<Value> = (0..64).map(|number| cook(number, "Fries # eggs.")).collect();
    ads[41] = cook(41, REFUSED);
    let market = Market::empty();
    market.load(&ads);
    let vertex = Vertex::start();
    for embedded in [63, 0] {
        let report = vertex.embed(&market);
        assert_eq!((&report["embedded"], &report["failed"]), (&json!(embedded), &json!(1)), "{report}");
        let failure = &report["failures"][0];
        assert_eq!(failure["job_id"], "cook-41");
        let error = failure["error"].as_str().unwrap();
        assert!(error.contains("Request contains an invalid argument (INVALID_ARGUMENT)"), "{error}");
        ads.retain(|ad| ad["job_id"] != "cook-41");
        assert_vectors(&market, &ads.iter().collect::<Vec<_>>());
    }
    // The invalid text is found by bisection, not by one request per text.
    assert!(vertex.take().requests < 30);
}

/// Asserts that the run failed with `code` and one error that contains all of `parts`.
fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && parts.iter().all(|part| errors[0].contains(part)), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn unknown_models_and_missing_projects_are_errors() {
    let market = Market::empty();
    market.load(&[cook(1, "Fries # egg.")]);
    let mut run = command(&market, "127.0.0.1:1");
    let ended = Running::start(run.env("EMBEDDING_MODEL", "vertex:text-embedding-999")).end();
    assert_refused(
        &ended,
        2,
        &["EMBEDDING_MODEL is \"vertex:text-embedding-999\"", "vertex:text-embedding-005"],
    );
    let mut run = command(&market, "127.0.0.1:1");
    let ended = Running::start(run.env_remove("GOOGLE_CLOUD_PROJECT")).end();
    assert_refused(&ended, 2, &["GOOGLE_CLOUD_PROJECT is not set"]);
}

#[test]
fn an_outage_ends_the_run_with_one_error() {
    let ads: Vec<Value> = (0..900).map(|number| cook(number, "Fries # eggs.")).collect();
    let market = Market::empty();
    market.load(&ads);
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut run = command(&market, &host);
    // One thread and nine chunks: retrying each of them for the whole time limit would take 45 seconds.
    let ended = Running::start(run.envs([("REQUEST_TIMEOUT_S", "1"), ("THREADS", "1")])).end();
    assert_refused(&ended, 1, &["embedding by Vertex AI failed", "Connection refused", "try again"]);
    assert!((1.0..20.0).contains(&ended.seconds), "{}", ended.seconds);
    assert_eq!(market.count(&format!("SELECT count(*) FROM {TABLE}")), 0);
}

#[test]
fn a_service_recovers_after_an_outage() {
    let ads = [
        cook(1, "Fries # egg."),
        cook(2, "Bakes # loaves."),
        ad("blank", json!("\u{200b}"), json!("\u{feff}"), 0),
    ];
    let vertex = Vertex::start();
    let host = vertex.host.clone();
    let market =
        variables(&host).into_iter().fold(Market::empty(), |market, (name, value)| market.with(name, value));
    market.load(&ads);
    let report = market.embedded(&[]);
    // Invisible texts are not sent.
    assert_eq!((&report["embedded"], &report["unreadable"]), (&json!(2), &json!(1)), "{report}");
    assert!(vertex.take().embedded.iter().all(|text| text.contains("Cook")));
    market.indexed(&[]);

    // No server listens on this port while the service starts.
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let service = market.serving(&[("VERTEX_EMULATOR_HOST", &down), ("REQUEST_DEADLINE_MS", "1500")]);
    let asked = json!({ "text": "Cook 2. Bakes 2 loaves.", "top_k": 1 });
    let refused = service.similar(&asked);
    assert_eq!(refused.status, 503, "{}", refused.json);
    // Queries by ad do not need the embedder.
    assert_eq!(
        service.like(&json!({ "source": "MCF", "job_id": "cook-1" }))["results"][0]["job_id"],
        "cook-2"
    );
    let _vertex = Vertex::at(&down);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(2);
    let found = loop {
        let reply = service.similar(&asked);
        if reply.status == 200 {
            break reply.json;
        }
        assert!(reply.status == 503 && std::time::Instant::now() < deadline, "{}", reply.json);
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert_eq!(found["results"][0]["job_id"], "cook-2", "{found}");
    assert!(found["results"][0]["score"].as_f64().unwrap() > 0.999, "{found}");
    let blank = service.similar(&json!({ "text": "\u{200b}\u{feff}" }));
    assert_eq!((blank.status, blank.json["member"].as_str()), (400, Some("text")), "{}", blank.json);
}
