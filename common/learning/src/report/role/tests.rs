//! The page of an example: complete, empty and hostile.

mod example;

use super::*;
use crate::report::markup::check;
use crate::report::salary::Estimate;

/// The addresses of all sections.
const SECTIONS: [&str; 13] = [
    "summary",
    "data",
    "splits",
    "models",
    "classes",
    "confusion",
    "confidence",
    "words",
    "ceiling",
    "champion",
    "lineage",
    "limits",
    "content",
];

fn has_section(page: &str, id: &str) -> bool {
    page.contains(&format!("id=\"{id}\""))
}

#[test]
fn a_full_report_has_every_section_and_is_well_formed() {
    let page = example::report(6).render();
    check(&page);
    for id in SECTIONS {
        assert!(has_section(&page, id), "{id}");
    }
    for chart in ["macro-f1-walk-forward", "macro-f1-test", "reliability-walk-forward", "reliability-test"] {
        assert!(has_section(&page, chart), "{chart}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf "), "a number is not finite");
    assert_eq!(page, example::report(6).render());
}

#[test]
fn the_summary_says_what_was_reached_on_both_parts() {
    let page = example::report(6).render();
    for text in [
        "<dt>Macro-F1, walk-forward</dt><dd class=\"value\">0.640</dd><dd class=\"under\">0.620 to 0.660; test: 0.630 (0.610 to \
         0.650)</dd>",
        "<dt>Calibration error, walk-forward</dt><dd class=\"value\">0.060</dd><dd class=\"under\">test: 0.060</dd>",
        "The target of Macro-F1 is reached on the walk-forward ads, the other is not.",
        "that of the baseline &quot;majority&quot; is 0.110",
        "It misses the target of top-3 0.85: 0.840 on the walk-forward ads.",
        "Macro-F1 does not differ beyond chance from the champion&#39;s: +0.010 (−0.010 to 0.030).",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn an_empty_report_is_a_page_without_optional_sections() {
    let page = RoleReport::default().render();
    check(&page);
    for id in SECTIONS {
        let is_kept = ["summary", "lineage", "content"].contains(&id);
        assert_eq!(has_section(&page, id), is_kept, "{id}");
    }
    assert!(!page.contains("<svg") && !page.contains("class=\"table"));
}

#[test]
fn each_optional_part_vanishes_with_its_data() {
    type Remove = fn(&mut RoleReport);
    let parts: [(&str, Remove); 7] = [
        ("ceiling", |report| report.ceiling = None),
        ("champion", |report| report.champion = None),
        ("macro-f1-test", |report| report.test = None),
        ("words", |report| report.classes.iter_mut().for_each(|class| class.words.clear())),
        ("data", |report| report.data = RoleAds::default()),
        ("splits", |report| (report.parts, report.folds) = (Vec::new(), Vec::new())),
        ("models", |report| (report.walk_forward, report.test) = (None, None)),
    ];
    let full = example::report(4);
    for (id, remove) in parts {
        let mut report = full.clone();
        assert!(has_section(&report.render(), id), "{id}");
        remove(&mut report);
        let page = report.render();
        check(&page);
        assert!(!has_section(&page, id), "{id}");
    }
}

#[test]
fn evidence_of_the_published_model_vanishes_with_its_data() {
    type Remove = fn(&mut RoleEvaluation);
    let parts: [(&str, Remove); 3] = [
        ("classes", |evaluation| evaluation.by_class.clear()),
        ("confusion", |evaluation| evaluation.confusion = None),
        ("confidence", |evaluation| evaluation.reliability = None),
    ];
    for (id, remove) in parts {
        let mut report = example::report(4);
        [&mut report.walk_forward, &mut report.test].into_iter().flatten().for_each(remove);
        let page = report.render();
        check(&page);
        assert!(!has_section(&page, id), "{id}");
    }
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "<script>alert(1)</script>\"'&amp;\u{202e}\u{0}</title></style>\n";
    let mut report = example::report(5);
    for text in [&mut report.kind, &mut report.version, &mut report.description, &mut report.model] {
        *text = hostile.to_owned();
    }
    for class in &mut report.classes {
        *class = RoleClass { name: hostile.to_owned(), ads: 3, words: vec![hostile.to_owned()] };
    }
    for evaluation in [&mut report.walk_forward, &mut report.test].into_iter().flatten() {
        evaluation.note = hostile.to_owned();
        evaluation.models.iter_mut().for_each(|model| model.name = hostile.to_owned());
        evaluation.differences.iter_mut().for_each(|difference| difference.other = hostile.to_owned());
    }
    report.limits.push(hostile.to_owned());
    report.lineage.more.push((hostile.to_owned(), hostile.to_owned()));
    let page = report.render();
    check(&page);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn numbers_that_are_not_finite_are_dashes() {
    let mut report = example::report(5);
    let odd = Estimate { value: Some(f64::NAN), low: Some(f64::NEG_INFINITY), high: Some(f64::INFINITY) };
    for evaluation in [&mut report.walk_forward, &mut report.test].into_iter().flatten() {
        for model in &mut evaluation.models {
            (model.macro_f1, model.top_3, model.calibration_error) = (odd, odd, odd);
            (model.log_loss, model.fit_seconds) = (Some(f64::NAN), Some(f64::INFINITY));
        }
        evaluation.differences.iter_mut().for_each(|difference| difference.macro_f1 = odd);
        evaluation.by_class.iter_mut().for_each(|metrics| metrics.f1 = f64::NAN);
    }
    let page = report.render();
    check(&page);
    assert!(!page.contains("NaN") && !page.contains("inf<") && !page.contains("infinity"), "not a number");
}

#[test]
fn the_matrix_has_the_most_frequent_classes_alone() {
    let page = example::report(6).render();
    assert!(!page.contains(">others</th>") && page.contains("All classes; shades begin at 2%"));
    let page = example::report(40).render();
    check(&page);
    assert!(page.contains(">others</th>") && page.contains("The 25 classes with most ads of 40;"));
    assert_eq!(page.matches("<abbr ").count(), 25);
    assert!(page.contains("heat5 own") && page.contains("heat3\""));
}

#[test]
fn hundreds_of_classes_stay_below_a_megabyte() {
    let page = example::report(337).render();
    check(&page);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn classes_without_a_name_have_a_number() {
    let mut report = example::report(4);
    report.classes.truncate(2);
    report.classes[1].name.clear();
    let page = report.render();
    check(&page);
    assert!(page.contains("class 1<") && page.contains("class 3<"));
}

/// Writes the example where `ROLE_REPORT_EXAMPLE` says, to look at it in a browser.
#[test]
fn the_example_can_be_written_to_a_file() {
    let page = example::report(30).render();
    let folder = tempfile::tempdir().unwrap();
    let path =
        std::env::var_os("ROLE_REPORT_EXAMPLE").map_or_else(|| folder.path().join("report.html"), Into::into);
    std::fs::write(&path, &page).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
}
