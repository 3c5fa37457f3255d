//! The views of the page: which is shown, and how one takes the place of another.

use serde_json::json;

use super::{ANSWERED, Browser, DRAWN, Screen, Site};

/// Adds a second view, as a file in `views/` and its line in the table would.
const ADD_A_VIEW: &str = "
    const mount = (root, store) => {
      const shown = root.appendChild(document.createElement('p'));
      shown.id = 'other';
      shown.textContent = store.state.address.query.get('view');
      return () => shown.remove();
    };
    return import('/page/views.js').then(({ VIEWS }) => VIEWS.push({ name: 'other', title: 'Other', mount }));";
/// Says whether nothing listens to the key that goes to the search field.
const SLASH_IS_FREE: &str = "return document.body.dispatchEvent(
    new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true }))";
/// How often the service was asked for the map.
const MAP_REQUESTS: &str =
    "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/v1/map')).length";

#[test]
fn a_view_takes_the_place_of_another_and_gives_it_back() {
    let Some(browser) = Browser::open("views of the page", Screen::Desktop) else { return };
    let site = Site::start(50);
    // Where the URL names no view that exists, the first is shown, and a single view is not linked.
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
    assert_eq!(browser.script(SLASH_IS_FREE), true, "the view that is gone listens still");

    // Back to the search, whose map need not be asked for again.
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
