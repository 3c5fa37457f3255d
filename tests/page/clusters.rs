//! The map with clusters: names, colours, cards, and the filter.

use serde_json::{Value, json};

use super::browser::{ENTER, ESCAPE};
use super::reading::LEAST_TARGET;
use super::{ANSWERED, Browser, DRAWN, Screen, Site, market, serve};

const NAMES: [&str; 9] = [
    "Software and data",
    "Nursing, <b>care</b> & social work",
    "Accounting and audit",
    "Transport, logistics and warehouse operations",
    "Teaching",
    "Food and beverage service",
    "Sales",
    "Engineering and construction of buildings",
    "Human resources and office administration",
];
/// Expression that is true once a card with content is shown.
const CARD: &str = "document.querySelector('#cluster:not([hidden]) .growth, #cluster:not([hidden]) .values')";
/// Boxes of the names that are shown: cluster, left, top, right and bottom.
const BOXES: &str = "return [...document.querySelectorAll('.label')]
    .filter((label) => getComputedStyle(label).visibility === 'visible')
    .map((label) => label.getBoundingClientRect())
    .map(({ left, top, right, bottom }) => [left, top, right, bottom])";

impl Site {
    /// Ads in clusters.
    async fn with_clusters(ads: u32) -> Self {
        let market = market(ads);
        market.publish_clusters(&NAMES).await;
        let service = serve(&market);
        Self { market, service }
    }

    /// Job ids of the ads like a text in a cluster.
    fn found(&self, text: &str, cluster: &str) -> Vec<String> {
        let reply = self.service.similar(&json!({ "text": text, "filter": { "cluster": cluster } }));
        assert_eq!(reply.status, 200, "{}", reply.json);
        let results = reply.json["results"].as_array().unwrap();
        assert!(results.iter().all(|job| job["cluster"]["name"] == cluster), "{}", reply.json);
        results.iter().map(|job| job["job_id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Browser {
    /// Asserts that the names are inside the map and do not overlap; returns how many are shown.
    fn assert_names_apart(&self) -> usize {
        let box_of = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|side| side.as_f64().unwrap()).collect()
        };
        let boxes: Vec<Vec<f64>> = self.script(BOXES).as_array().unwrap().iter().map(box_of).collect();
        let stage = box_of(&self.script(
            "const { left, top, right, bottom } = document.querySelector('#stage').getBoundingClientRect();
             return [left, top, right, bottom]",
        ));
        for (n, a) in boxes.iter().enumerate() {
            assert!(a[0] >= stage[0] && a[1] >= stage[1] && a[2] <= stage[2] && a[3] <= stage[3], "{a:?}");
            for b in &boxes[n + 1..] {
                let meet = a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
                assert!(!meet, "{a:?} {b:?}");
            }
        }
        boxes.len()
    }

    /// Job ids of the results, best first.
    fn result_ids(&self) -> Vec<String> {
        let ids = self.script(
            "return [...document.querySelectorAll('.card')].map((card) => card.dataset.key.split(' ').at(-1))",
        );
        ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn names_of_clusters_open_their_cards_which_filter_the_search() {
    let Some(browser) = Browser::open("clusters on the map", Screen::Desktop) else { return };
    let site = Site::with_clusters(300).await;
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.visit(&site.page(""));
        browser.wait(DRAWN);
        browser.wait("document.querySelector('.label')");
        browser.wait("getComputedStyle(document.querySelector('.label')).visibility === 'visible'");
        assert_eq!(browser.assert_names_apart(), NAMES.len(), "all names have room");
        browser.assert_readable(&format!("{scheme}, names"));
        // The colours of the legend are those of the names.
        let colours = |css: &str| {
            browser.script(&format!(
                "return Object.fromEntries([...document.querySelectorAll('{css}')]
                   .map((one) => [one.textContent.replace(/[\\d,]+$/, ''), one.querySelector('.swatch').className]))"
            ))
        };
        assert_eq!(colours(".label"), colours(".legend button"));
        browser.click(".label[data-cluster=\"1\"]");
        browser.wait(CARD);
        browser.assert_readable(&format!("{scheme}, a card"));
    }
    let texts = site.market.count("SELECT count(DISTINCT content_hash) FROM job_embeddings");
    let counts =
        browser.texts(".legend-count").into_iter().map(|count| count.parse::<i64>().expect("a number"));
    assert_eq!(counts.sum::<i64>(), texts);

    // The card says what the service says.
    let served = site.service.get("v1/clusters/1").json["cluster"].clone();
    assert_eq!(browser.text("#cluster h3"), NAMES[1]);
    assert!(browser.text("#cluster > p").starts_with(&format!("{} ads, ", served["ads"])));
    let top = served["titles"][0]["value"].as_str().unwrap();
    assert!(browser.texts("#cluster .value").contains(&top.to_owned()), "{top}");
    assert_eq!(
        browser.texts("#cluster .month").len(),
        served["months"].as_array().map(Vec::len).filter(|months| *months > 1).unwrap_or(0)
    );
    // Another card from this one; Escape closes it, and the focus returns to the name.
    browser.click("#cluster .near button");
    let near = served["nearest"][0]["name"].as_str().unwrap();
    browser.wait(&format!("document.querySelector('#cluster h3').textContent === {}", json!(near)));
    browser.press([ESCAPE]);
    browser.wait("document.querySelector('#cluster').hidden");
    assert_eq!(browser.focused_name(), near);
    browser.press([ENTER]);
    browser.wait(CARD);
    assert_eq!(browser.text("#cluster h3"), near);

    // Without a search, the filter waits for one; the search then has only ads of the cluster.
    browser.click("#cluster .go");
    browser.wait("document.querySelector('.chip')");
    assert_eq!(browser.text(".chip span"), near);
    assert_eq!(browser.script("return document.activeElement.id"), "text");
    browser.search("experienced person for a team");
    assert_eq!(browser.result_ids(), site.found("experienced person for a team", near));
    assert!(browser.url().contains("cluster="), "{}", browser.url());
    let link = browser.url();
    // From a card while results are shown: the other cluster replaces the first.
    browser.click(".label[data-cluster=\"4\"]");
    browser.wait(CARD);
    browser.click("#cluster .go");
    browser.wait("document.querySelector('#cluster').hidden");
    browser.wait(&format!("document.querySelector('.chip span').textContent === {}", json!(NAMES[4])));
    browser.wait(ANSWERED);
    assert_eq!(browser.result_ids(), site.found("experienced person for a team", NAMES[4]));
    browser.visit(&link);
    browser.wait(ANSWERED);
    assert_eq!(browser.text(".chip span"), near, "a shared link has the filter");
    browser.assert_quiet();
}

#[tokio::test]
async fn names_have_room_on_a_phone_and_a_card_fits_into_the_map() {
    let Some(browser) = Browser::open("clusters on a phone", Screen::Phone) else { return };
    let site = Site::with_clusters(150).await;
    browser.visit(&site.page("?q=nurse"));
    browser.wait(ANSWERED);
    browser.click("[data-show=map]");
    browser.wait(DRAWN);
    browser.wait("getComputedStyle(document.querySelector('.label')).visibility === 'visible'");
    browser.script("document.querySelector('#stage').scrollIntoView()");
    let shown = browser.assert_names_apart();
    assert!(shown >= 7, "{shown} of {} names have room", NAMES.len());
    let assert_usable = |state: &str| {
        browser.assert_readable(state);
        assert_eq!(browser.measure(&format!("smallTargets({LEAST_TARGET})")), json!([]), "{state}");
    };
    assert_usable("names");
    browser.click(".label");
    browser.wait(CARD);
    assert_usable("a card");
    let name = browser.text("#cluster h3");
    browser.click("#cluster .go");
    browser.wait(&format!("document.querySelector('.chip span')?.textContent === {}", json!(name)));
    browser.wait(ANSWERED);
    assert_eq!(browser.text("[data-show][aria-pressed=true]"), "List", "the results replace the map");
    assert_eq!(browser.result_ids(), site.found("nurse", &name));
    browser.assert_quiet();
}
