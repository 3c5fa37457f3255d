//! The page of an example: complete, empty and hostile.

mod example;

use super::*;
use crate::report::markup::check;

/// The addresses of all sections.
const SECTIONS: [&str; 20] = [
    "summary",
    "data",
    "splits",
    "models",
    "agreement",
    "residuals",
    "groups",
    "intervals",
    "confidence",
    "importance",
    "contributions",
    "words",
    "ablation",
    "leakage",
    "ceiling",
    "champion",
    "tuning",
    "lineage",
    "limits",
    "content",
];

fn has_section(page: &str, id: &str) -> bool {
    page.contains(&format!("id=\"{id}\""))
}

#[test]
fn a_full_report_has_every_section_and_is_well_formed() {
    let page = example::report(6000).render();
    check(&page);
    for id in SECTIONS {
        assert!(has_section(&page, id), "{id}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf "), "a number is not finite");
    for chart in
        ["pairs", "reliability", "swarm", "learning-curve", "coverage-by-class", "error-by-era", "trials"]
    {
        assert!(has_section(&page, chart), "{chart}");
    }
}

#[test]
fn a_page_requests_nothing() {
    let page = example::report(500).render();
    for request in ["http://", "https://", "src=", "@import", "url(", "<link", "<img", "<iframe"] {
        assert!(!page.contains(request), "{request}");
    }
}

#[test]
fn the_same_report_gives_the_same_bytes_whatever_the_order_of_trials_and_words() {
    let report = example::report(3000);
    let page = report.render();
    assert_eq!(page, report.clone().render());
    let mut trials = report.clone();
    trials.trials.reverse();
    trials.words.reverse();
    assert_eq!(page, trials.render());
}

#[test]
fn an_empty_report_is_a_page_without_optional_sections() {
    let page = SalaryReport::default().render();
    check(&page);
    for id in SECTIONS {
        let is_kept = ["summary", "lineage", "content"].contains(&id);
        assert!(is_kept || !has_section(&page, id), "{id}");
    }
    assert!(!page.contains("<svg"));
}

#[test]
fn each_optional_part_vanishes_with_its_data() {
    type Remove = fn(&mut SalaryReport);
    let parts: [(&str, Remove); 12] = [
        ("ablation", |report| report.ablation.clear()),
        ("tuning", |report| report.trials.clear()),
        ("champion", |report| report.champion = None),
        ("importance", |report| report.importance.clear()),
        ("contributions", |report| report.contributions.clear()),
        ("words", |report| report.words.clear()),
        ("leakage", |report| report.leakage.clear()),
        ("intervals", |report| report.interval = None),
        ("learning-curve", |report| report.learning_curve.clear()),
        ("folds", |report| report.folds.clear()),
        ("mae-test", |report| report.test = None),
        ("agreement", |report| report.judged = None),
    ];
    let full = example::report(800);
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
fn hostile_texts_stay_texts() {
    let hostile = "<script>alert(1)</script>\"'&amp;\u{202e}\u{0}</title></style>\n";
    let mut report = example::report(300);
    for text in [&mut report.kind, &mut report.version, &mut report.currency, &mut report.description] {
        *text = hostile.to_owned();
    }
    for model in report.test.iter_mut().flat_map(|test| &mut test.models) {
        model.name = hostile.to_owned();
    }
    for ad in report.judged.iter_mut().flat_map(|judged| &mut judged.ads) {
        (ad.classification, ad.work_type) = (hostile.to_owned(), hostile.to_owned());
    }
    for (importance, contribution) in report.importance.iter_mut().zip(&mut report.contributions) {
        (importance.feature, contribution.feature) = (hostile.to_owned(), hostile.to_owned());
    }
    report.words.iter_mut().for_each(|word| word.word = hostile.to_owned());
    report.leakage.iter_mut().for_each(|check| (check.feature, check.passed) = (hostile.to_owned(), false));
    report
        .trials
        .iter_mut()
        .for_each(|trial| trial.parameters.push((hostile.to_owned(), hostile.to_owned())));
    report.limits.push(hostile.to_owned());
    report.lineage.more.push((hostile.to_owned(), hostile.to_owned()));
    let page = report.render();
    check(&page);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn numbers_that_are_not_finite_are_dashes() {
    let mut report = example::report(300);
    let odd = Estimate { value: Some(f64::NAN), low: Some(f64::NEG_INFINITY), high: Some(f64::INFINITY) };
    for evaluation in
        [&mut report.walk_forward, &mut report.validation, &mut report.test].into_iter().flatten()
    {
        for model in &mut evaluation.models {
            (model.mae, model.rmse, model.r2, model.mape) = (odd, odd, odd, Some(f64::NAN));
        }
    }
    for ad in report.judged.iter_mut().flat_map(|judged| judged.ads.iter_mut().step_by(3)) {
        (ad.actual, ad.interval, ad.confidence) = (f64::NAN, Some((f64::NAN, 1.0)), Some(f64::INFINITY));
    }
    report.ablation.iter_mut().for_each(|group| group.mae_change = odd);
    report
        .importance
        .iter_mut()
        .for_each(|feature| (feature.gain, feature.permutation) = (Some(f64::NAN), Some(odd)));
    report.contributions.iter_mut().for_each(|row| row.examples.push((f64::NAN, Some(f64::NAN))));
    report.learning_curve.iter_mut().for_each(|point| point.mae = odd);
    report.trials.iter_mut().for_each(|trial| trial.loss = Some(f64::NAN));
    report.data.salaries.push(f64::NAN);
    let page = report.render();
    check(&page);
    assert!(!page.contains("NaN") && !page.contains("inf<") && !page.contains("infinity"), "not a number");
}

#[test]
fn one_judged_ad_is_enough_for_a_page() {
    check(&example::report(1).render());
}

#[test]
fn a_report_of_many_ads_and_classes_stays_below_a_megabyte() {
    let mut report = example::report(60_000);
    for (n, ad) in report.judged.iter_mut().flat_map(|judged| judged.ads.iter_mut().enumerate()) {
        ad.classification = format!("A classification with a long name, number {}", n % 337);
    }
    let page = report.render();
    check(&page);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn the_summary_quotes_the_test_and_the_baseline() {
    let page = example::report(3000).render();
    assert!(page.contains(
        "On the 1,012 test ads, which were scored once, its mean absolute error is SGD 1,040 a month"
    ));
    assert!(page.contains("less than 1,482 of the baseline &quot;median per class&quot;"), "baseline");
    assert!(page.contains("1 of 3 targets reached on the test ads."), "targets");
}

/// Writes the example where `REPORT_EXAMPLE` says, to look at it in a browser.
#[test]
fn the_example_can_be_written_to_a_file() {
    let page = example::report(6000).render();
    let folder = tempfile::tempdir().unwrap();
    let path =
        std::env::var_os("REPORT_EXAMPLE").map_or_else(|| folder.path().join("report.html"), Into::into);
    std::fs::write(&path, &page).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
}
