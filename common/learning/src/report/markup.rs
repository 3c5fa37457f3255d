//! A strict check of a page's markup, for tests.

use std::collections::BTreeSet;

/// Panics with the place unless each element is closed in order, each attribute is quoted, each reference is one that
/// browsers and XML parsers know, and each id is used once. Links inside the page and `aria-labelledby` have targets.
pub(super) fn check(page: &str) {
    let mut rest = page.strip_prefix("<!doctype html>\n").expect("a doctype");
    let (mut open, mut ids, mut targets) = (Vec::<String>::new(), BTreeSet::new(), BTreeSet::new());
    while let Some(at) = rest.find('<') {
        references(&rest[..at]);
        rest = &rest[at + 1..];
        let end = end_of_tag(rest);
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed near {rest:.200}");
            continue;
        }
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name: String = tag.chars().take_while(|c| !c.is_whitespace()).collect();
        assert!(
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()),
            "invalid element {tag:?}"
        );
        for (attribute, value) in attributes(&tag[name.len()..]) {
            assert!(!attribute.starts_with("on") && attribute != "style", "{attribute} in {tag:?}");
            match attribute {
                "id" => assert!(ids.insert(value.to_owned()), "id {value:?} is used twice"),
                "href" => drop(targets.insert(value.strip_prefix('#').expect("a link inside").to_owned())),
                "aria-labelledby" => targets.extend(value.split(' ').map(str::to_owned)),
                _ => {}
            }
        }
        if is_closed {
            continue;
        }
        if name == "style" || name == "script" {
            let end = rest.find(&format!("</{name}>")).expect("an end");
            rest = &rest[end + name.len() + 3..];
            continue;
        }
        open.push(name);
    }
    references(rest);
    assert!(open.is_empty(), "not closed: {open:?}");
    let missing: Vec<_> = targets.difference(&ids).collect();
    assert!(missing.is_empty(), "links without target: {missing:?}");
}

fn end_of_tag(text: &str) -> usize {
    let mut is_quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'>' if !is_quoted => return at,
            b'<' => panic!("a tag in a tag: {text:.80}"),
            _ => {}
        }
    }
    panic!("a tag without end: {text:.80}");
}

fn attributes(mut text: &str) -> Vec<(&str, &str)> {
    let mut attributes = Vec::new();
    while !text.trim_start().is_empty() {
        let (name, rest) = text.trim_start().split_once("=\"").expect("a quoted attribute");
        let (value, rest) = rest.split_once('"').expect("an end of the attribute");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "invalid attribute {name:?}");
        references(value);
        attributes.push((name, value));
        text = rest;
    }
    attributes
}

fn references(text: &str) {
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "control character in {text:.80}");
    for part in text.split('&').skip(1) {
        let name = part.split_once(';').map(|(name, _)| name);
        let is_known = name.is_some_and(|name| ["amp", "lt", "gt", "quot", "#39"].contains(&name));
        assert!(is_known, "unknown reference &{part:.20}");
    }
}

#[test]
fn broken_markup_is_found() {
    let page = |body: &str| format!("<!doctype html>\n<html lang=\"en\">{body}</html>\n");
    check(&page("<p id=\"a\" title=\"1 > 0\">x &lt; y<br/></p><a href=\"#a\">a</a>"));
    for broken in [
        "<p>x",
        "</p>",
        "<p><b>x</p></b>",
        "<p id=a>x</p>",
        "<p>x & y</p>",
        "<p>x &nbsp; y</p>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<a href=\"#b\">b</a>",
        "<a href=\"https://example.org\">b</a>",
        "<p onclick=\"x\">x</p>",
        "<p>1 < 2</p>",
    ] {
        let page = page(broken);
        assert!(std::panic::catch_unwind(move || check(&page)).is_err(), "{broken}");
    }
}
