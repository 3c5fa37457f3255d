//! The first section: what the model is and how good it is.

use super::{DIGITS, RoleReport, RoleScores, TARGETS};
use crate::report::html::{Card, Section};
use crate::report::numbers::{MISSING, count, count_of, number, optional, percent};
use crate::report::salary::Estimate;
use crate::report::shared::{cell, date, decision, estimate};
use crate::report::table::Table;

type Score = fn(&RoleScores) -> Estimate;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("summary", "Summary");
    decision(report.decision.as_ref(), &mut section);
    let mut sentences = vec![report.description.clone()];
    sentences.extend(sentence(report));
    sentences.retain(|text| !text.is_empty());
    if !sentences.is_empty() {
        section.paragraph(&sentences.join(" "));
    }
    section.cards(&cards(report));
    targets(report, &mut section);
    let window = report.lineage.trained_on;
    let trained = window.map(|(from, to)| format!("{} to {}", date(Some(from)), date(Some(to))));
    let classes = match report.classes.len() {
        0 => String::new(),
        classes => classes.to_string(),
    };
    section.facts(&[
        ("Kind and version", &format!("{} {}", report.kind, report.version)),
        ("Classes", &classes),
        ("Published model was fitted on ads of", &trained.unwrap_or_default()),
    ]);
    section
}

/// What the first judged part says about the published model.
fn sentence(report: &RoleReport) -> Option<String> {
    let (part, evaluation) = report.judged().into_iter().next()?;
    let model = evaluation.score(&report.model)?;
    let [right, found] = [model.accuracy.value?, model.top_3.value?].map(|share| percent(share, 1));
    let mut text = format!(
        "On the {} {part} ads, none of which it was fitted on, {right} of its labels are right, and {found} of the ads have \
         their class among the three most probable.",
        count(evaluation.ads)
    );
    let own = model.macro_f1.value?;
    let baseline = evaluation.score(&report.baseline).and_then(|baseline| baseline.macro_f1.value);
    if let Some(other) = baseline.filter(|_| report.model != report.baseline) {
        let [own, other] = [own, other].map(|score| number(score, DIGITS));
        text =
            format!("{text} Its macro-F1 is {own}; that of the baseline \"{}\" is {other}.", report.baseline);
    }
    Some(text)
}

fn cards(report: &RoleReport) -> Vec<Card> {
    let published = report.published();
    if published.is_empty() {
        return Vec::new();
    }
    vec![
        card("Macro-F1", &published, |model| model.macro_f1),
        card("Top-3", &published, |model| model.top_3),
        card("Accuracy", &published, |model| model.accuracy),
        card("Calibration error", &published, |model| model.calibration_error),
    ]
}

/// The score on the first part, with its interval and the score on the other part below.
fn card(name: &str, published: &[(&str, &RoleScores)], score: Score) -> Card {
    let mut card = Card { label: name.to_owned(), value: MISSING.to_owned(), note: String::new() };
    let mut notes = Vec::new();
    for (n, (part, model)) in published.iter().enumerate() {
        let value = score(model);
        if n == 0 {
            card.label = format!("{name}, {part}");
            card.value = optional(value.value, DIGITS);
            notes.extend(value.interval().map(|(low, high)| {
                let [low, high] = [low, high].map(|end| number(end, DIGITS));
                format!("{low} to {high}")
            }));
        } else {
            notes.push(format!("{part}: {}", estimate(&value, DIGITS)));
        }
    }
    card.note = notes.join("; ");
    card
}

fn targets(report: &RoleReport, section: &mut Section) {
    let published = report.published();
    let Some((quoted, _)) = published.first() else { return };
    let mut columns = vec!["Score", "Target"];
    columns.extend(published.iter().map(|(part, _)| *part));
    let verdict = format!("On {quoted}");
    columns.push(&verdict);
    let caption = format!("Targets beside what {} reached, with 95% intervals", report.model);
    let mut table = Table::new(&caption, &columns).texts(&[columns.len() - 1]);
    let scores: [(&str, f64, Score); 2] = [
        ("Macro-F1", TARGETS.macro_f1, |model| model.macro_f1),
        ("Top-3", TARGETS.top_3, |model| model.top_3),
    ];
    let mut reached = Vec::new();
    for (name, target, score) in scores {
        let mut row = vec![name.to_owned(), format!("above {}", number(target, 2))];
        row.extend(published.iter().map(|(_, model)| cell(&score(model), DIGITS)));
        let first = published.first().and_then(|(_, model)| score(model).value);
        let is_reached = first.filter(|value| value.is_finite()).map(|value| value > target);
        let verdict = is_reached.map_or(MISSING, |reached| if reached { "✓ reached" } else { "✗ missed" });
        reached.extend(is_reached.filter(|reached| *reached).map(|_| name));
        row.push(verdict.to_owned());
        table.row(row);
    }
    section.table(&table);
    let sentence = match reached.as_slice() {
        [] => format!("None of the 2 targets is reached on the {quoted} ads."),
        [one] => format!("The target of {one} is reached on the {quoted} ads, the other is not."),
        _ => format!("Both targets are reached on the {quoted} ads."),
    };
    section.paragraph(&sentence);
    if let Some(test) = &report.test {
        section.paragraph(&format!(
            "The test part ({}) was touched once, after all choices had been made on the other parts.",
            count_of(test.ads, "ad", "ads")
        ));
    }
}
