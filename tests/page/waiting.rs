//! A service that has no index yet, or is unavailable.

use super::{ANSWERED, Browser, DRAWN, Screen, market, publish, serve};

#[test]
fn a_service_without_an_index_shows_the_remedy_and_works_once_there_is_one() {
    let Some(browser) = Browser::open("a service without an index", Screen::Desktop) else { return };
    let market = market(50);
    let service = serve(&market);
    browser.visit(&service.url());
    browser.wait("document.querySelector('.message h3')");
    assert_eq!(browser.text(".message h3"), "The service cannot answer just now");
    assert_eq!(browser.text(".message p"), "There is no index yet: run build-vector-index.");
    // A search shows the same message.
    browser.visit(&format!("{}?q=cook", service.url()));
    browser.wait("document.querySelector('.message p')?.innerText.includes('build-vector-index')");
    // The browser reports the refused requests, and no other error.
    let complaints = browser.complaints();
    assert!(!complaints.is_empty() && complaints.iter().all(|one| one.contains("503")), "{complaints:?}");

    publish(&market);
    // The button counts down the seconds of `Retry-After`; pressing it too early is harmless.
    browser.wait(&format!("document.querySelector('.message .go:enabled')?.click() ?? {ANSWERED}"));
    browser.wait(DRAWN);
    assert_eq!(browser.titles().len(), 10);

    drop(service);
    browser.click(".card .like");
    browser.wait("document.querySelector('.message h3')?.innerText === 'The service cannot be reached'");
    assert!(browser.text(".message p").starts_with("Check the connection"), "{}", browser.text(".message"));
    browser.wait(&format!("!{ANSWERED}"));
}
