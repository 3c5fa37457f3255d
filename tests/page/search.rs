//! Searching, filtering, opening a result, and going back.

use super::{ANSWERED, Browser, DRAWN, Screen, Site};

#[test]
fn searching_filtering_opening_a_result_and_going_back() {
    let Some(browser) = Browser::open("a search on the page", Screen::Desktop) else { return };
    let site = Site::start(300);
    browser.visit(&site.page(""));
    browser.wait(DRAWN);
    browser.search("Software engineer who writes Java");
    let found = browser.titles();
    assert_eq!((found.len(), browser.text(".found").contains("10 ads")), (10, true));
    assert!(
        browser.texts(".why li").iter().any(|why| why.contains("software")),
        "{:?}",
        browser.texts(".why li")
    );
    let scores: Vec<f64> =
        browser.texts(".score").iter().filter_map(|text| text.trim().parse().ok()).collect();
    assert!(scores.len() == 10 && scores.is_sorted_by(|a, b| a >= b), "{:?}", browser.texts(".score"));
    assert!(browser.url().ends_with("/?q=Software+engineer+who+writes+Java"), "{}", browser.url());

    // A filter's value is chosen from the index's values, and all results match it.
    browser.write("#f-classification", "banking");
    browser.click("#l-classification [role=option]");
    browser.wait(ANSWERED);
    let banking = browser.titles();
    assert_eq!(banking.len(), 10);
    for place in browser.texts(".card .where") {
        assert!(place.contains("Banking and Finance"), "{place}");
    }
    assert_eq!(browser.texts(".chip").len(), 1);
    // A second filter excludes more; ads whose salary range starts below the minimum stay.
    browser.write("#f-salary", "9000\u{e007}");
    browser.wait("document.querySelectorAll('.chip').length === 2");
    browser.wait(ANSWERED);
    let paid = browser.texts(".card .terms");
    let most = |terms: &String| {
        let pay = terms.split(" a month").next().unwrap_or_default().replace(',', "");
        pay.split(|sign: char| !sign.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok()).max()
    };
    assert!(!paid.is_empty() && paid.iter().all(|terms| most(terms) >= Some(9000)), "{paid:?}");
    let filtered = browser.titles();

    // A result becomes the query: the filters stay, and the ad is not among its neighbours.
    browser.click(".card .like");
    browser.wait("document.querySelector('.start h3')");
    browser.wait(ANSWERED);
    assert_eq!(browser.text(".start h3"), filtered[0]);
    assert!(browser.url().contains("job_id=") && browser.url().contains("classification=Banking"));
    let key = browser.script("return location.search");
    let neighbours = browser.titles();
    assert!(browser.texts(".why li").iter().any(|why| why == "both in Banking and Finance"));

    // A shared link shows the same results to another user.
    let link = browser.url();
    browser.back();
    browser.wait(ANSWERED);
    assert_eq!((browser.titles(), browser.texts(".start").len()), (filtered, 0));
    browser.visit(&link);
    browser.wait(ANSWERED);
    assert_eq!((browser.titles(), browser.script("return location.search")), (neighbours, key));
    assert_eq!(browser.texts(".chip").len(), 2);

    // All filters are removed at once, and a search without matches shows a message.
    browser.click(".chips .quiet");
    browser.wait(ANSWERED);
    assert_eq!((browser.titles().len(), browser.texts(".chip").len()), (10, 0));
    browser.visit(&site.page("?q=nurse&after=2100-01-01"));
    browser.wait("document.querySelector('.message h3')");
    assert_eq!(browser.text(".message h3"), "Nothing matches all filters");
    browser.click(".message .go");
    browser.wait(ANSWERED);
    assert!(browser.titles()[0].to_lowercase().contains("nurse"), "{:?}", browser.titles());
    browser.assert_quiet();
}
