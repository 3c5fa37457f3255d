//! Unusual texts of real ads.

use serde_json::{Value, json};

use crate::support::{Market, ad};

#[test]
fn every_text_is_embedded_or_skipped() {
    let market = Market::empty();
    let megabyte = "Stack shelves, count stock. ".repeat(40_000);
    let described = [
        ("no-text", json!(null)),
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
    // A duplicate sighting with the same timestamp yields one row.
    ads.push(ad("no-title", json!(null), json!("Only described"), 0));
    market.load(&ads);
    let report = market.embedded(&[]);
    assert_eq!((&report["ads"], &report["skipped"], &report["failed"]), (&json!(14), &json!(1), &json!(0)));
    // Three ads have no description, so that they share the text of their title.
    assert_eq!(report["shared"], 2);
    market.assert_current(13);
    let vectors = market.vectors();
    assert_eq!(vectors["no-text"], vectors["blank"]);
    assert_ne!(vectors["no-text"], vectors["nul"]);
    assert_eq!(market.embedded(&[])["unchanged"], 13);
}

/// Ads with unreadable texts, of which the model knows no token.
fn unreadable() -> Vec<Value> {
    let texts = ["\u{200b}\u{feff}", "\u{1}\u{2}", "🔥🔥", "\u{16a0}\u{16a1}", "[UNK] [SEP]", "꙰꙱"];
    let long = "x".repeat(101);
    texts
        .into_iter()
        .chain([long.as_str()])
        .enumerate()
        .map(|(n, text)| ad(&format!("none-{n}"), json!(text), Value::Null, 0))
        .collect()
}

#[test]
fn unreadable_ads_are_counted_and_not_indexed() {
    let market = Market::empty();
    let mut ads = unreadable();
    let count = ads.len();
    ads.extend([ad("cook", json!("Cook"), Value::Null, 0), ad("chef", json!("Chef 🔥"), Value::Null, 0)]);
    ads.push(ad("sales", json!("大学"), Value::Null, 0));
    market.load(&ads);
    let report = market.embedded(&["--dry-run"]);
    assert_eq!(
        (&report["unreadable"], &report["dry_run"]["ads_to_embed"]),
        (&json!(count), &json!(3)),
        "{report}"
    );
    for (embedded, unchanged) in [(3, 0), (0, 3)] {
        let report = market.embedded(&[]);
        let counts = ["ads", "embedded", "unchanged", "unreadable", "failed"]
            .map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [count as u64 + 3, embedded, unchanged, count as u64, 0], "{report}");
    }
    // A vector of an earlier version for one of them: the index leaves it out and counts it, and the next run removes
    // it.
    let title = ads[2]["job_title"].as_str().unwrap();
    market.execute(&format!(
        "INSERT INTO job_embeddings BY NAME SELECT * REPLACE ('none-2' AS job_id, '{}' AS content_hash) FROM job_embeddings \
         WHERE job_id = 'cook'",
        common::job::ContentHash::of(title)
    ));
    let built = market.indexed(&[]);
    assert_eq!((&built["index"]["ads"], &built["index"]["unreadable"]), (&json!(3), &json!(1)), "{built}");
    assert_eq!(market.embedded(&[])["removed"], 1);
    market.indexed(&[]);
    let service = market.serving(&[]);
    let of_ad = service.similar(&json!({ "job": { "source": "MCF", "job_id": "none-2" } }));
    let detail = of_ad.json["detail"].as_str().unwrap();
    assert!(of_ad.status == 404 && detail.contains("none that the model can read"), "{}", of_ad.json);
    for text in ["🔥", "\u{200b}", "[UNK]"] {
        let reply = service.similar(&json!({ "text": text }));
        assert_eq!(
            (reply.status, reply.json["member"].as_str()),
            (400, Some("text")),
            "{text}: {}",
            reply.json
        );
        assert!(reply.json["detail"].as_str().unwrap().contains("has no token for it"), "{}", reply.json);
    }
    let batch = service.similar(&json!({ "queries": [{ "text": "🔥" }, { "text": "chef" }] }));
    let answers = &batch.json["answers"];
    assert_eq!(
        (&answers[0]["problem"]["status"], &answers[1]["results"][0]["job_id"]),
        (&json!(400), &json!("chef"))
    );
}

/// A text whose known words are beyond the token limit is unreadable. The ads that share it are counted and do not
/// fail.
#[test]
fn all_ads_that_share_an_unreadable_text_are_counted() {
    let market = Market::empty();
    let twins = |title: &str, day: u32| {
        ["one", "two", "three"].map(|id| ad(id, json!(title), Value::Null, day)).to_vec()
    };
    market.load(&twins("Cook", 0));
    market.embedded(&[]);
    market.load(&twins(&format!("{}Cook", "🔥 ".repeat(300)), 1));
    for removed in [3, 0] {
        let report = market.embedded(&[]);
        assert_eq!(
            (&report["unreadable"], &report["failed"], &report["removed"]),
            (&json!(3), &json!(0), &json!(removed)),
            "{report}"
        );
        assert_eq!(market.count("SELECT count(*) FROM job_embeddings"), 0);
    }
}

#[test]
fn huge_cells_are_truncated_and_need_little_memory() {
    let market = Market::empty();
    let huge = "Storekeeper of everything there is ".repeat(600_000);
    let mut cells = ad("huge", json!(huge), json!("Counts stock"), 0);
    for column in ["company_name", "job_location", "job_url"] {
        cells[column] = json!(huge[..1_000_000]);
    }
    market.load(&[cells, ad("other", json!("Storekeeper"), Value::Null, 0)]);
    let report = market.embedded(&[]);
    assert_eq!((&report["embedded"], &report["failed"]), (&json!(2), &json!(0)), "{report}");
    let peak = report["peak_memory_bytes"].as_u64().unwrap() >> 20;
    assert!(peak < 1000, "{peak} MB");
    market.assert_current(2);
    market.indexed(&[]);
    let service = market.serving(&[]);
    let reply = service.get("v1/jobs/MCF/huge").json;
    let length = |member: &str| reply["job"][member].as_str().map(|text| text.chars().count());
    assert_eq!(["job_title", "company_name", "job_location"].map(length), [Some(1000); 3]);
    assert_eq!(reply["job"]["job_url"], Value::Null);
    assert_eq!(service.like(&json!({ "source": "MCF", "job_id": "other" }))["results"][0]["job_id"], "huge");
}
