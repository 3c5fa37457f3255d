//! The first section: what the model is and how good it is.

use super::{Estimate, Evaluation, JudgedAd, ModelScores, SalaryReport, TARGETS, cell, date};
use crate::report::html::{Card, Section};
use crate::report::numbers::{MISSING, count_of, median, number, optional, optional_percent, percent};
use crate::report::shared::decision;
use crate::report::table::Table;

pub(super) fn section(report: &SalaryReport, judged: &[&JudgedAd]) -> Section {
    let mut section = Section::new("summary", "Summary");
    decision(report.decision.as_ref(), &mut section);
    let mut text = report.description.clone();
    for sentence in sentences(report, judged) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&sentence);
    }
    if !text.is_empty() {
        section.paragraph(&text);
    }
    section.cards(&cards(report));
    targets(report, &mut section);
    let posted = report.data.posted.map(|(from, to)| format!("{} to {}", date(Some(from)), date(Some(to))));
    let trained =
        report.lineage.trained_on.map(|(from, to)| format!("{} to {}", date(Some(from)), date(Some(to))));
    section.facts(&[
        ("Kind and version", &format!("{} {}", report.kind, report.version)),
        ("Currency", &report.currency),
        ("Ads used were posted", &posted.unwrap_or_default()),
        ("Published model was fitted on ads of", &trained.unwrap_or_default()),
    ]);
    section
}

/// The scores of the published model and of the baseline.
fn both<'a>(report: &SalaryReport, evaluation: &'a Evaluation) -> [Option<&'a ModelScores>; 2] {
    [&report.model, &report.baseline].map(|name| evaluation.models.iter().find(|model| model.name == *name))
}

fn sentences(report: &SalaryReport, judged: &[&JudgedAd]) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some((part, evaluation)) = report.quoted()
        && let [Some(model), baseline] = both(report, evaluation)
        && let Some(mae) = model.mae.value
    {
        let part = match part {
            "test" => "test ads, which were scored once".to_owned(),
            part => format!("{part} ads"),
        };
        let range = model.mae.interval().map_or_else(String::new, |(low, high)| {
            format!(" (95% interval {} to {})", number(low, 0), number(high, 0))
        });
        let mut sentence = format!(
            "On the {} {part}, its mean absolute error is {} a month{range}",
            number(evaluation.ads as f64, 0),
            report.money(mae)
        );
        if let Some(other) = baseline.and_then(|baseline| baseline.mae.value)
            && report.model != report.baseline
            && other > 0.0
        {
            let direction = if mae <= other { "less" } else { "more" };
            let share = percent((mae / other - 1.0).abs(), 0);
            let other = number(other, 0);
            sentence = format!(
                "{sentence}, {share} {direction} than {other} of the baseline \"{}\"",
                report.baseline
            );
        }
        sentences.push(sentence + ".");
    }
    let errors: Vec<f64> = judged.iter().map(|ad| ((ad.predicted - ad.actual) / ad.actual).abs()).collect();
    if let Some(middle) = median(&errors) {
        sentences.push(format!(
            "Half of the predictions are within {} of the stated midpoint.",
            percent(middle, 0)
        ));
    }
    sentences
}

fn cards(report: &SalaryReport) -> Vec<Card> {
    let Some((part, [Some(model), _])) =
        report.quoted().map(|(part, evaluation)| (part, both(report, evaluation)))
    else {
        return Vec::new();
    };
    let note = |low: Option<f64>, high: Option<f64>, digits| match (low, high) {
        (Some(low), Some(high)) => format!("{part}; {} to {}", number(low, digits), number(high, digits)),
        _ => part.to_owned(),
    };
    let card = |label: &str, value, note| Card { label: label.to_owned(), value, note };
    vec![
        card("Mean absolute error", optional(model.mae.value, 0), note(model.mae.low, model.mae.high, 0)),
        card(
            "Root mean squared error",
            optional(model.rmse.value, 0),
            note(model.rmse.low, model.rmse.high, 0),
        ),
        card("R², explained variance", optional(model.r2.value, 2), note(model.r2.low, model.r2.high, 2)),
        card("Median percentage error", optional_percent(model.median_ape, 0), part.to_owned()),
    ]
}

type Score = fn(&ModelScores) -> Estimate;

/// Each score with its target, and whether it should be above it.
fn scores() -> [(&'static str, f64, bool, Score); 3] {
    [
        ("RMSE", TARGETS.rmse, false, |model| model.rmse),
        ("MAE", TARGETS.mae, false, |model| model.mae),
        ("R²", TARGETS.r2, true, |model| model.r2),
    ]
}

fn targets(report: &SalaryReport, section: &mut Section) {
    let evaluations =
        [("Test", &report.test), ("Walk-forward", &report.walk_forward), ("Validation", &report.validation)];
    let present: Vec<(&str, &ModelScores)> = evaluations
        .into_iter()
        .filter_map(|(name, evaluation)| Some((name, both(report, evaluation.as_ref()?)[0]?)))
        .collect();
    let Some((quoted, model)) = present.first() else { return };
    let mut columns = vec!["Score", "Target"];
    columns.extend(present.iter().map(|(name, _)| *name));
    let verdict = format!("On {}", quoted.to_lowercase());
    columns.push(&verdict);
    let caption = format!("Targets beside what {} reached, with 95% intervals", report.model);
    let mut table = Table::new(&caption, &columns).texts(&[columns.len() - 1]);
    let mut reached = 0;
    for (name, target, is_above, score) in scores() {
        let digits = if is_above { 2 } else { 0 };
        let side = if is_above { "above" } else { "below" };
        let mut row = vec![name.to_owned(), format!("{side} {}", number(target, usize::from(is_above)))];
        row.extend(present.iter().map(|(_, model)| cell(&score(model), digits)));
        let value = score(model).value.filter(|value| value.is_finite());
        let is_reached = value.map(|value| if is_above { value > target } else { value < target });
        reached += u32::from(is_reached == Some(true));
        let verdict = is_reached.map_or(MISSING, |reached| if reached { "✓ reached" } else { "✗ missed" });
        row.push(verdict.to_owned());
        table.row(row);
    }
    section.table(&table);
    section.paragraph(&format!(
        "{} of 3 targets reached on the {} ads.",
        if reached == 0 { "None".to_owned() } else { reached.to_string() },
        quoted.to_lowercase()
    ));
    if report.test.is_some() {
        let ads = report.test.as_ref().map_or(0, |test| test.ads);
        section.paragraph(&format!(
            "The test part ({}) was touched once, after all choices had been made on the other parts.",
            count_of(ads, "ad", "ads")
        ));
    }
}
