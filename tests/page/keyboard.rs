//! The page without a mouse.

use std::collections::BTreeSet;

use super::browser::{DOWN, ENTER, ESCAPE, RIGHT, SHIFT, TAB};
use super::{ANSWERED, Browser, DRAWN, Screen, Site};

/// More focus stops than the page has.
const MOST_STOPS: usize = 90;

impl Browser {
    /// Presses Tab until an expression is true, and returns the accessible names of all stops.
    fn tab_to(&self, expression: &str) -> Vec<String> {
        let mut stops = Vec::new();
        for _ in 0..MOST_STOPS {
            self.press([TAB]);
            stops.push(self.focused_name());
            let outline = "[document.activeElement, document.activeElement.nextElementSibling, \
                            document.activeElement.parentElement]\
                           .some((one) => one && getComputedStyle(one).outlineStyle !== 'none')";
            assert_eq!(self.script(&format!("return {outline}")), true, "no visible focus on {stops:?}");
            if self.script(&format!("return Boolean({expression})")) == true {
                return stops;
            }
        }
        panic!("Tab never reached {expression}: {stops:?}");
    }
}

#[test]
fn the_keyboard_alone_is_enough() {
    let Some(browser) = Browser::open("the page by keyboard", Screen::Desktop) else { return };
    let site = Site::start(150);
    browser.visit(&site.page(""));
    browser.wait(DRAWN);

    // "/" focuses the description; Enter searches.
    browser.press("/Accountant for audits".chars());
    browser.press([ENTER]);
    browser.wait(ANSWERED);
    assert!(browser.url().ends_with("?q=Accountant+for+audits"), "{}", browser.url());

    // A filter: Escape closes it, arrows and Enter choose.
    browser.tab_to("document.activeElement.id === 'f-location'");
    browser.press("a".chars());
    browser.wait("!document.querySelector('#l-location').hidden");
    browser.press([ESCAPE]);
    assert_eq!(browser.script("return document.querySelector('#l-location').hidden"), true);
    browser.press([SHIFT, TAB]);
    assert_eq!(browser.focused_name(), "Classification");
    browser.press("accounting".chars());
    browser.wait("document.querySelectorAll('#l-classification [role=option]').length === 1");
    browser.press([DOWN]);
    assert!(browser.focused_name().starts_with("Classification"), "{}", browser.focused_name());
    browser.press([ENTER]);
    browser.wait("document.querySelector('.chip')");
    browser.wait(ANSWERED);
    assert!(
        browser.texts(".card .where").iter().all(|place| place.contains("Accounting / Auditing / Taxation"))
    );

    // Every stop has a name, and the map is one of the stops.
    let stops = browser.tab_to("document.activeElement.id === 'map'");
    assert!(stops.iter().all(|name| !name.is_empty()), "{stops:?}");
    let distinct: BTreeSet<_> = stops.iter().filter(|name| name.starts_with("More like this: ")).collect();
    assert!(
        !distinct.is_empty() && stops.iter().any(|name| name.starts_with("Remove filter: ")),
        "{stops:?}"
    );

    // On the map, arrows move between ads, starting at the best result, and Enter opens the ad.
    browser.press([RIGHT]);
    assert_eq!(browser.text(".tip-role"), "Result 1");
    browser.press([RIGHT]);
    let picked = browser.text(".tip strong");
    assert!(browser.text("#map-live").contains(&picked));
    browser.press([ENTER]);
    browser.wait("document.querySelector('.start h3')");
    browser.wait(ANSWERED);
    assert_eq!(browser.text(".start h3"), picked);
    assert_eq!(browser.script("return document.activeElement.id"), "results");

    // Searching an ad by words, the last one typed partly.
    browser.press("/".chars());
    browser.wait("document.activeElement.id === 'ad'");
    browser.press("zookeeper for eleph".chars());
    browser.wait(
        "document.querySelector('#ad-list [role=option]')?.innerText.startsWith('Zookeeper for elephants')",
    );
    browser.press([DOWN, ENTER]);
    browser.wait("document.querySelector('.start h3')?.innerText.startsWith('Zookeeper for elephants')");
    browser.assert_quiet();
}
