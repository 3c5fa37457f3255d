//! Damaged texts are errors, never crashes.

use common_core::error::ErrorKind;
use proptest::prelude::*;

use super::*;

fn text() -> String {
    let market = Market::new(200, 21);
    trained(&market.dataset(&market.classes, None), several_classes(), 3).to_text().unwrap()
}

/// Reads a text, and uses the model if it is one.
fn try_all(text: &str) {
    if let Ok(booster) = Booster::from_text(text) {
        let values = vec![2.0; 3 * booster.columns()];
        let matrix = Matrix { values: &values, columns: booster.columns() };
        let _ =
            (booster.predict(matrix), booster.contributions(matrix), booster.to_text(), booster.to_json());
    }
}

#[test]
fn a_truncated_text_is_corrupt() {
    let text = text();
    let end = text.find("\nend of parameters").unwrap();
    for length in (0..end).step_by(97).chain([end]) {
        let error = Booster::from_text(&text[..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
        assert!(error.to_string().contains("invalid LightGBM model"), "{error}");
    }
}

#[test]
fn indexes_that_lead_elsewhere_are_corrupt() {
    let text = text();
    let line = |name: &str| {
        let start = text.find(&format!("\n{name}=")).unwrap() + 1;
        text[start..].split('\n').next().unwrap().to_owned()
    };
    let set = |name: &str, value: String| {
        // The text of the tree keeps its size, so that only the index is wrong.
        let old = line(name);
        let mut new = format!("{name}={value}{}", &old[old.find([' ', '\n']).unwrap_or(old.len())..]);
        while new.len() < old.len() {
            new.insert(name.len() + 1, '0');
        }
        text.replacen(&old, &new[..old.len()], 1)
    };
    for damaged in [
        set("split_feature", "4".to_owned()),
        set("left_child", "0".to_owned()),
        set("left_child", "9".to_owned()),
        set("right_child", "-9".to_owned()),
        set("num_leaves", "8".to_owned()),
        set("num_cat", "9".to_owned()),
        text.replacen("num_class:3", "num_class:9", 1),
        text.replacen("num_class=3", "num_class=2", 1),
        text.replacen("max_feature_idx=3", "max_feature_idx=2", 1),
        text.replacen("objective=", "objective\n", 1),
        text.replacen("objective=multiclass num_class:3", "objective= ", 1),
        text.replacen("feature_infos=[", "feature_infos=[n*", 1),
        text.replacen(" [", " [7]", 1),
        text.replacen("tree_sizes=", "tree_sizes=1", 1),
        text.replacen("tree_sizes=", "tree_sizes=99999999999999999999", 1),
        text.replacen("is_linear=0", "is_linear=1", 1),
        text.replace('\n', "\r\n"),
        text.replacen("version=", "vers\0on=", 1),
    ] {
        assert_ne!(damaged, text);
        let error = Booster::from_text(&damaged).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    assert!(Booster::from_text(&text).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_altered_text_never_crashes(at in 0.0..1.0_f64, with in "[ -~\n]{1,4}", removed in 0..6_usize) {
        thread_local!(static TEXT: String = text());
        TEXT.with(|text| {
            let end = text.find("\nend of parameters").unwrap();
            let start = (at * end as f64) as usize;
            try_all(&format!("{}{with}{}", &text[..start], &text[(start + removed).min(text.len())..]));
            // A replacement of the same length keeps the sizes of trees right.
            let same = (start + with.len()).min(text.len());
            try_all(&format!("{}{with}{}", &text[..start], &text[same..]));
        });
    }
}
