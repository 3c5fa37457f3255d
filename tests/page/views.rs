//! The views of the page: which one is shown, and how one replaces another.

use serde_json::json;

use super::{ANSWERED, Browser, DRAWN, Screen, Site};

/// Adds a second view, as a file in `views/` with a line in the table would.
const ADD_A_VIEW: &str = "
    const mount = (root, store) => {
      const shown = root.appendChild(document.createElement('p'));
      shown.id = 'other';
      shown.textContent = store.state.address.query.get('view');
      return () => shown.remove();
    };
    return import('/page/views.js').then(({ VIEWS }) => VIEWS.push({ name: 'other', title: 'Other', mount }));";
/// Expression that is true if no listener handles the key that focuses the search field.
const SLASH_IS_FREE: &str = "return document.body.dispatchEvent(
    new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true }))";
/// Number of requests for the map.
const MAP_REQUESTS: &str =
    "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/v1/map')).length";

#[test]
fn views_replace_each_other_and_are_restored() {
    let Some(browser) = Browser::open("views of the page", Screen::Desktop) else { return };
    let site = Site::start(50);
    // If the URL names no existing view, the first one is shown; a single view has no links.
    browser.visit(&site.page("?q=cook&view=nothing"));
    browser.wait(ANSWERED);
    browser.wait(DRAWN);
    assert_eq!(browser.script("return document.querySelector('#views').checkVisibility()"), false);
    assert_eq!(browser.script(SLASH_IS_FREE), false);

    assert_eq!(browser.script(ADD_A_VIEW), 2);
    browser.click(".card .like");
    browser.wait("document.querySelector('.start h3')");
    browser.wait(ANSWERED);
    let (start, link) = (browser.text(".start h3"), browser.url());
    assert_eq!(browser.texts("#views a"), ["Similar jobs", "Other"]);
    assert_eq!(browser.text("#views [aria-current=page]"), "Similar jobs");

    browser.click("#views a:nth-child(2)");
    browser.wait("document.querySelector('#other')");
    assert_eq!(browser.url(), site.page("?view=other"));
    assert_eq!(browser.text("main"), "other");
    assert_eq!(browser.text("#views [aria-current=page]"), "Other");
    assert_eq!(
        browser.script("return [document.title, document.activeElement.id]"),
        json!(["Other", "view"])
    );
    assert_eq!(browser.script(SLASH_IS_FREE), true, "the removed view still has a listener");

    // Back to the search; its map is not requested again.
    browser.back();
    browser.wait("document.querySelector('.start h3')");
    browser.wait(ANSWERED);
    browser.wait(DRAWN);
    assert_eq!((browser.url(), browser.text(".start h3")), (link, start));
    assert_eq!(browser.texts("main > *").len(), 1);
    assert_eq!(browser.script(MAP_REQUESTS), 1);
    assert_eq!(browser.script(SLASH_IS_FREE), false);
    browser.assert_quiet();
}
