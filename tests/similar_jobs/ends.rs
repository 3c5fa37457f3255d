//! Clients that send requests continuously while the champion changes and while the process stops: every request is
//! answered.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Market, ad};

/// A client with its own connection, kept alive or not.
struct Client {
    agent: ureq::Agent,
    url: String,
}

/// Outcome of a request other than a response of status 200.
#[derive(Debug)]
enum Failure {
    /// The connection was refused.
    Refused,
    /// Any other failure.
    Lost(String),
}

impl Client {
    fn of(url: &str, is_kept_alive: bool) -> Self {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)));
        if !is_kept_alive {
            config = config.max_idle_connections(0);
        }
        Self { agent: config.build().into(), url: url.to_owned() }
    }

    /// One of three requests, in turn: an ad, the ads similar to an ad, the ads similar to a text.
    fn ask(&self, ad: &Value, turn: usize) -> Result<Value, Failure> {
        let key = |member: &str| ad[member].as_str().unwrap();
        let (source, job_id) = (key("source"), key("job_id"));
        let sent = match turn % 3 {
            0 => self.agent.get(format!("{}v1/jobs/{source}/{job_id}", self.url)).call(),
            1 => self.agent.get(format!("{}v1/similar?source={source}&job_id={job_id}", self.url)).call(),
            _ => self
                .agent
                .post(format!("{}v1/similar", self.url))
                .send_json(json!({ "text": ad["job_title"] })),
        };
        let lost = |error: ureq::Error| match &error {
            ureq::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused => Failure::Refused,
            _ => Failure::Lost(error.to_string()),
        };
        let mut response = sent.map_err(lost)?;
        let status = response.status();
        let body: Value = response.body_mut().read_json().map_err(lost)?;
        if status == 200 { Ok(body) } else { Err(Failure::Lost(format!("{status}: {body}"))) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_changes_of_the_champion_fail_no_request() {
    let market = Market::with_vectors(300);
    market.indexed(&["--graph-texts", "50"]);
    let twin = |n| ad(&format!("twin-{n}"), json!("Accountant, twin"), Value::Null, n);
    market.load(&[twin(1), twin(2)]);
    market.embedded(&[]);
    market.indexed(&["--no-promote"]);
    let service = market.serving(&[]);
    let ads = service.ads(30);
    let (is_over, url) = (AtomicBool::new(false), service.url());
    // Each version always returns the same results, different from those of the other version.
    let ask = |client: usize| {
        let asking = Client::of(&url, client.is_multiple_of(2));
        let mut answers: BTreeMap<(String, usize), Value> = BTreeMap::new();
        let (mut turn, mut asked, mut changes, mut last) = (client, 0, 0, String::new());
        while !is_over.load(Ordering::SeqCst) {
            let answer = asking.ask(&ads[turn % ads.len()], turn).unwrap();
            let version = answer["index_version"].as_str().unwrap().to_owned();
            changes += usize::from(asked > 0 && version != last);
            let found = if answer["job"].is_null() { &answer["results"] } else { &answer["job"] };
            let known = answers.entry((version.clone(), turn % ads.len())).or_insert_with(|| found.clone());
            assert_eq!(known, found, "{version}");
            (last, turn, asked) = (version, turn + 1, asked + 1);
        }
        (asked, changes)
    };
    let counts = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|client| scope.spawn(move || ask(client))).collect();
        for version in ["v2", "v1"].into_iter().cycle().take(10) {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(market.promote(version));
            });
            service.wait_until_served(version);
        }
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    for (asked, changes) in counts {
        assert!(changes >= 5, "a client saw {changes} changes in {asked} answers");
    }
}

#[test]
fn sigterm_under_load_fails_no_request() {
    let market = Market::with_vectors(300);
    market.indexed(&[]);
    let service = market.serving(&[]);
    let ads = service.ads(30);
    let (url, answered) = (service.url(), AtomicUsize::new(0));
    let clients = 6;
    let ended = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..clients)
            .map(|client| {
                let (url, ads, answered) = (&url, &ads, &answered);
                scope.spawn(move || {
                    let asking = Client::of(url, client % 2 == 0);
                    for turn in client.. {
                        match asking.ask(&ads[turn % ads.len()], turn) {
                            Ok(_) => answered.fetch_add(1, Ordering::SeqCst),
                            Err(Failure::Refused) => return,
                            Err(Failure::Lost(why)) => panic!("a request was lost: {why}"),
                        };
                    }
                })
            })
            .collect();
        // All clients are sending requests.
        while answered.load(Ordering::SeqCst) < 50 * clients
            && asking.iter().all(|client| !client.is_finished())
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        service.process.terminate();
        let ended = service.process.end();
        for client in asking {
            client.join().unwrap();
        }
        ended
    });
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.seconds < 10.0, "it took {} s to end", ended.seconds);
    assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
}
