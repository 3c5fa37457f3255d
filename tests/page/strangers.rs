//! Ads have untrusted content: it is shown as text.

use super::{ANSWERED, Browser, Screen, Site, hostile_ads};

#[test]
fn ads_are_shown_as_text_with_web_links_only() {
    let Some(browser) = Browser::open("hostile ads on the page", Screen::Desktop) else { return };
    let site = Site::start(50);
    browser.visit(&site.page("?q=zookeeper"));
    browser.wait(ANSWERED);
    let [markup, plain, long] =
        hostile_ads().map(|ad| ad["job_title"].as_str().unwrap_or_default().to_owned());
    let titles = browser.titles();
    for title in [&markup, &long] {
        assert!(titles.contains(title), "{title} in {titles:?}");
    }
    assert!(browser.texts(".card .where").iter().any(|place| place.contains("<i>Zoo</i> & Sons")));
    // Text that is not a currency code is not shown as one.
    let cards = "[...document.querySelectorAll('.card')].map((card) => card.textContent)";
    let paid =
        browser.script(&format!("return {cards}.some((text) => text.includes('from Z$ 5,000 a month'))"));
    assert_eq!(paid, true, "{:?}", browser.texts(".card"));
    // Only one of the three has a link, which opens in a tab without access to this one.
    let links = "[...document.querySelectorAll('.card')].filter((card) => card.dataset.key.match(/markup|plain|long/))\
                 .flatMap((card) => [...card.querySelectorAll('a')]).map((a) => [a.href, a.target, a.rel])";
    assert_eq!(
        browser.script(&format!("return {links}")),
        serde_json::json!([["https://example.sg/zoo?a=1&b=%222%22", "_blank", "noopener noreferrer"]])
    );
    // The same holds for suggestions, for the ad that was opened, and for the map.
    browser.click("[name=mode][value=ad]");
    browser.write("#ad", "zookeeper");
    browser.wait("document.querySelectorAll('#ad-list [role=option]').length === 3");
    assert!(browser.texts("#ad-list .option-title").contains(&markup));
    browser.visit(&site.page("?source=MCF&job_id=markup"));
    browser.wait(ANSWERED);
    assert_eq!(browser.text(".start h3"), markup);
    assert!(browser.titles().iter().any(|title| title.starts_with(&plain)));
    assert_eq!(
        browser.script(
            "return document.querySelectorAll('main img, main b, main i, main script, .start a').length"
        ),
        0
    );
    assert_eq!(browser.script("return document.title.startsWith('Zookeeper <img')"), true);
    browser.assert_quiet();
}
