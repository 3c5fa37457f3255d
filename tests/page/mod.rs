//! Tests of the page that `similar-jobs` serves, in a real browser: what a user does, and what can be measured.

mod browser;
mod clusters;
mod keyboard;
mod map;
mod reading;
mod search;
mod strangers;
mod views;
mod waiting;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Market, Running, Service};
use browser::{Browser, Screen};

/// Functions for measurements, inserted before a script.
const MEASURE: &str = include_str!("measure.js");

/// Expression that is true once the newest search has its results.
const ANSWERED: &str = "document.querySelector('#results[aria-busy=false] .cards h3')";
/// Expression that is true once the map is drawn.
const DRAWN: &str = "document.querySelector('.legend button')";

/// Ads with hostile content, different from the generated ones.
fn hostile_ads() -> [Value; 3] {
    let ad = |id: &str, title: &str, url: &str| {
        json!({
            "source": "MCF", "job_id": id, "scrape_timestamp": "2025-03-01T00:00:00Z",
            "job_title": title, "job_url": url,
            "company_name": "<i>Zoo</i> & Sons", "job_location": "Mandai", "job_classification": "Zoology",
            "job_salary_min_sgd_monthly": 5000, "job_currency": "Z$",
        })
    };
    [
        ad(
            "markup",
            "Zookeeper <img src=x onerror=document.title='owned'> <b>elephants</b>",
            "javascript:alert(1)",
        ),
        ad("plain", "Zookeeper for elephants", "https://example.sg/zoo?a=1&b=\"2\""),
        ad(
            "long",
            &format!("Zookeeper {}", "elephants".repeat(40)),
            "data:text/html,<script>alert(1)</script>",
        ),
    ]
}

/// A market with embeddings and an index, and its service.
struct Site {
    market: Market,
    service: Service,
}

impl Site {
    /// With `ads` generated ads besides the hostile ones.
    fn start(ads: u32) -> Self {
        let market = market(ads);
        publish(&market);
        let service = serve(&market);
        Self { market, service }
    }

    /// URL of the page with `rest` after `/`.
    fn page(&self, rest: &str) -> String {
        format!("{}{rest}", self.service.url())
    }
}

/// `ads` generated ads and the hostile ones, embedded but not indexed.
fn market(ads: u32) -> Market {
    let market = Market::titles(ads);
    market.load(&hostile_ads());
    market.embedded(&[]);
    market
}

/// Folder in which a market's indexes are built and stored; removed with the market.
fn index_dir(market: &Market) -> PathBuf {
    market.file().with_file_name("indexes")
}

fn publish(market: &Market) {
    let mut build = market.command("build-vector-index");
    let ended = Running::start(build.arg("--once").env("INDEX_DIR", index_dir(market))).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn serve(market: &Market) -> Service {
    let mut serve = market.command("similar-jobs");
    Service::start(serve.env("DEVICE", "cpu").env("INDEX_POLL_S", "1").env("INDEX_DIR", index_dir(market)))
}

impl Browser {
    /// Result of a script that may call the measuring functions.
    fn measure(&self, call: &str) -> Value {
        self.script(&format!("{MEASURE}\nreturn {call};"))
    }

    /// Panics if the page sent a request to another host, or if the browser reported an error.
    fn assert_quiet(&self) {
        let strangers = self.script(
            "return performance.getEntriesByType('resource').map((one) => one.name)
               .filter((url) => !url.startsWith(location.origin + '/'))",
        );
        assert_eq!(strangers, json!([]));
        assert_eq!(self.complaints(), [""; 0]);
    }

    /// Searches for a description.
    fn search(&self, text: &str) {
        self.write("#text", text);
        self.click(".ask .go");
        self.wait(ANSWERED);
    }

    /// Titles of the results, best first.
    fn titles(&self) -> Vec<String> {
        self.texts(".card h3")
    }
}
