//! Texts that real ads hold and nobody expects.

use serde_json::{Value, json};

use crate::support::{Market, ad};

#[test]
fn every_text_is_embedded_or_skipped_and_none_stops_the_run() {
    let market = Market::empty();
    let megabyte = "Stack shelves, count stock. ".repeat(40_000);
    let described = [
        ("null", json!(null)),
        ("empty", json!("")),
        ("blank", json!(" \n\t\u{a0}\u{3000}")),
        ("megabyte", json!(megabyte)),
        ("emoji", json!("👩‍🍳👨‍👩‍👧‍👦🇸🇬 chefs wanted 🔥")),
        ("right-to-left", json!("مهندس برمجيات في سنغافورة \u{202e}abc\u{202c}")),
        ("nul", json!("before\u{0}after")),
        ("html", json!("<div onclick=\"x()\"><p>Nurse &amp; carer</p><script>alert(1)</script></div>")),
        ("one-long-word", json!("x".repeat(5000))),
        ("chinese", json!("寻找 在新加坡 的 厨师，三年 经验")),
        ("combining", json!("e\u{301}".repeat(1200))),
        ("replacement", json!("\u{fffd}\u{feff}\u{200b} text")),
    ];
    let mut ads: Vec<Value> =
        described.iter().map(|(id, text)| ad(id, json!("Storekeeper"), text.clone(), 0)).collect();
    ads.push(ad("no-title", json!(null), json!("Only described"), 0));
    ads.push(ad("nothing", json!(""), json!("  "), 0));
    // The same ad twice in one load, with the same time: one row, whichever is kept.
    ads.push(ad("no-title", json!(null), json!("Only described"), 0));
    market.load(&ads);
    let report = market.embedded(&[]);
    assert_eq!((&report["ads"], &report["skipped"], &report["failed"]), (&json!(14), &json!(1), &json!(0)));
    // With nothing to describe it, an ad is its title: three ads, one text.
    assert_eq!(report["shared"], 2);
    market.assert_current(13);
    let vectors = market.vectors();
    assert_eq!(vectors["null"], vectors["blank"]);
    assert_ne!(vectors["null"], vectors["nul"]);
    assert_eq!(market.embedded(&[])["unchanged"], 13);
}
