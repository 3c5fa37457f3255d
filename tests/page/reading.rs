//! Accessibility: contrast, target sizes, and no horizontal scrolling.

use serde_json::json;

use super::browser::RIGHT;
use super::map::inked;
use super::{ANSWERED, Browser, DRAWN, Screen, Site};

/// Minimum contrast of text (WCAG 2.2, 1.4.3), also for large text.
const LEAST_CONTRAST: f64 = 4.5;
/// Minimum width and height of touch targets (WCAG 2.2, 2.5.5).
pub(super) const LEAST_TARGET: u32 = 44;

impl Browser {
    pub(super) fn assert_readable(&self, state: &str) {
        assert_eq!(self.measure(&format!("faintTexts({LEAST_CONTRAST})")), json!([]), "{state}");
        assert_eq!(self.measure("sideways()"), json!({ "scrolls": 0, "leave": [], "broken": [] }), "{state}");
    }

    /// Brings the page into each of its states and calls `look`.
    fn assert_readable_everywhere(&self, site: &Site, look: impl Fn(&str)) {
        self.visit(&site.page(""));
        self.wait(DRAWN);
        look("at first");
        self.visit(&site.page("?q=zookeeper&top=20"));
        self.wait(ANSWERED);
        self.wait(DRAWN);
        look("results");
        self.script("document.querySelector('#filters-toggle').click()");
        self.click("#f-location");
        self.wait("document.querySelector('#l-location [role=option]')");
        look("a filter");
        self.visit(&site.page("?q=zookeeper&after=2100-01-01"));
        self.wait("document.querySelector('.message')");
        look("nothing found");
        self.visit(&site.page("?source=MCF&job_id=long&classification=Zoology&classification=F%26B"));
        self.wait(ANSWERED);
        look("an ad");
        self.script("document.querySelector('[data-show=map]').click()");
        self.wait(DRAWN);
        self.click(".legend button");
        self.script(
            "document.querySelector('[data-zoom=all]').click(); document.querySelector('#map').focus()",
        );
        self.press([RIGHT]);
        self.wait("!document.querySelector('#tip').hidden");
        look("the map");
    }
}

#[test]
fn all_text_has_enough_contrast_in_light_and_dark() {
    let Some(browser) = Browser::open("light and dark of the page", Screen::Desktop) else { return };
    let site = Site::start(50);
    let theme = || browser.script("return getComputedStyle(document.body.parentElement).colorScheme");
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.assert_readable_everywhere(&site, |state| {
            browser.assert_readable(&format!("{scheme}, {state}"));
        });
        assert_eq!(theme(), scheme, "the page follows the system");
    }
    // Against the system's preference; the choice is stored.
    browser.click("#theme");
    assert_eq!(theme(), "light");
    browser.reload();
    browser.wait(ANSWERED);
    assert_eq!(theme(), "light");
    browser.assert_quiet();
}

#[test]
fn a_phone_never_scrolls_horizontally_and_targets_are_large_enough() {
    let Some(browser) = Browser::open("the page on a phone", Screen::Phone) else { return };
    let site = Site::start(50);
    browser.assert_readable_everywhere(&site, |state| {
        browser.assert_readable(state);
        assert_eq!(browser.measure(&format!("smallTargets({LEAST_TARGET})")), json!([]), "{state}");
    });
    // The filters, which are collapsible here, close when an ad is opened.
    browser.visit(&site.page("?q=cook"));
    browser.wait(ANSWERED);
    browser.click("#filters-toggle");
    browser.wait("document.querySelector('#f-source').checkVisibility()");
    browser.click(".card .like");
    browser.wait("document.querySelector('.start h3')");
    assert_eq!(browser.script("return document.querySelector('#f-source').checkVisibility()"), false);
    // On the map, the first tap shows the ad, the second opens it.
    browser.back();
    browser.wait("!document.querySelector('.start')");
    browser.wait(ANSWERED);
    browser.click("[data-show=map]");
    browser.script("document.querySelector('#stage').scrollIntoView()");
    browser.wait(DRAWN);
    let (x, y) = inked(&browser);
    browser.click_at(x, y);
    browser.wait("!document.querySelector('#tip').hidden");
    let tapped = browser.text(".tip strong");
    assert_eq!(browser.texts(".start").len(), 0);
    browser.click_at(x, y);
    browser.wait("document.querySelector('.start h3')");
    browser.wait(ANSWERED);
    // The list of neighbours replaces the map.
    assert_eq!(
        (browser.text(".start h3"), browser.text("[data-show][aria-pressed=true]")),
        (tapped, "List".to_owned())
    );
    browser.assert_quiet();
}
