//! The map of the ads.

use serde_json::Value;

use super::{ANSWERED, Browser, DRAWN, Screen, Site};

/// A position at which the map has a point.
pub(super) fn inked(browser: &Browser) -> (i64, i64) {
    let place = browser.measure("inkedPlace()");
    let at = |index: usize| place.get(index).and_then(Value::as_i64).expect("a point of the map");
    (at(0), at(1))
}

#[test]
fn a_point_of_the_map_opens_its_ad() {
    let Some(browser) = Browser::open("the map of the page", Screen::Desktop) else { return };
    let site = Site::start(150);
    browser.visit(&site.page(""));
    browser.wait(DRAWN);
    let ads = site.market.count("SELECT count(*) FROM job_embeddings");
    let texts = site.market.count("SELECT count(DISTINCT content_hash) FROM job_embeddings");
    assert!(texts < ads, "the market has reposts");
    let note = browser.text("#market-note");
    assert!(note.starts_with(&format!("{ads} ads, those of one text as one point")), "{note}");
    let counts =
        browser.texts(".legend-count").into_iter().map(|count| count.parse::<i64>().expect("a number"));
    assert_eq!(counts.sum::<i64>(), texts);
    assert!(browser.texts(".legend-name").iter().all(|name| !name.is_empty()));
    assert_eq!(browser.texts(".label").len(), 0, "an index without clusters");

    let (x, y) = inked(&browser);
    browser.point_at(x, y);
    browser.wait("!document.querySelector('#tip').hidden");
    let pointed = browser.text(".tip strong");
    browser.click_at(x, y);
    browser.wait("document.querySelector('.start h3')");
    browser.wait(ANSWERED);
    assert_eq!(browser.text(".start h3"), pointed);
    assert!(
        browser.text("#market-note").ends_with("All 10 results marked."),
        "{}",
        browser.text("#market-note")
    );

    // A selected class is shown alone, and only its points can be pointed at.
    browser.click(".legend button:nth-child(2)");
    assert_eq!(browser.texts(".legend .hidden-class").len(), browser.texts(".legend button").len() - 1);
    browser.click(".legend button:nth-child(2)");
    assert_eq!(browser.texts(".legend .hidden-class").len(), 0);
    browser.assert_quiet();
}
