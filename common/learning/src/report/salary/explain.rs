//! Sections: importance, contributions, words, ablation, leakage.

use super::SalaryReport;
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::bars::{Bar, Look, Measure, bars};
use crate::report::charts::swarm::{Row, swarm};
use crate::report::html::{Section, Tone};
use crate::report::numbers::{count, number, optional, optional_percent, percent, signed};
use crate::report::table::Table;

/// Largest number of rows of charts and of tables.
const MOST_DRAWN: usize = 14;
const MOST_LISTED: usize = 100;

/// Largest number of words that raise, and of those that lower.
const MOST_WORDS: usize = 15;

/// An effect on the log salary as relative change of the salary.
fn change(effect: f64) -> String {
    signed(effect, percent(effect.exp_m1(), usize::from(effect.abs() < 0.1)))
}

pub(super) fn importance(report: &SalaryReport) -> Section {
    let mut section = Section::new("importance", "Importance of features");
    let features = &report.importance;
    if features.is_empty() {
        return section;
    }
    let known: Vec<f64> = features.iter().filter_map(|feature| feature.gain).collect();
    let top: f64 = known.iter().take(5).sum();
    let reading = format!(
        "The first {} of {} features have {} of the total gain.",
        known.len().min(5),
        features.len(),
        percent(top, 0)
    );
    let bar = |name: &str, value: Option<f64>, interval| Bar {
        name: name.to_owned(),
        value: value.unwrap_or(f64::NAN),
        interval,
        look: Look::Main,
    };
    let values: Vec<Bar> =
        features.iter().take(MOST_DRAWN).map(|feature| bar(&feature.feature, feature.gain, None)).collect();
    let measure =
        Measure { name: "share of the gain", text: &|share| percent(share, 1), mark: None, from_zero: true };
    let gain = bars(Words { id: "gain", title: "Gain in the trees", reading: &reading }, &measure, &values);
    let mut shuffled: Vec<_> =
        features.iter().filter_map(|feature| Some((feature, feature.permutation?))).collect();
    shuffled.sort_by(|a, b| b.1.value.unwrap_or(f64::NAN).total_cmp(&a.1.value.unwrap_or(f64::NAN)));
    let values: Vec<Bar> = shuffled
        .iter()
        .take(MOST_DRAWN)
        .map(|(feature, cost)| bar(&feature.feature, cost.value, cost.interval()))
        .collect();
    let reading = shuffled.first().map_or_else(String::new, |(feature, cost)| {
        format!(
            "Without the information in \"{}\" the error would be {} larger.",
            feature.feature,
            cost.value.map_or_else(|| optional(None, 0), |cost| report.money(cost))
        )
    });
    let name = format!("increase of the MAE, {} a month", report.currency);
    let measure = Measure { name: &name, text: &|value| number(value, 0), mark: None, from_zero: true };
    let words = Words { id: "permutation", title: "Error if the feature is shuffled", reading: &reading };
    section.figures(&[gain, bars(words, &measure, &values)]);
    let columns = ["Feature", "Share of the gain", "Increase of the MAE if shuffled"];
    let mut table =
        Table::new(&format!("The {} most important features", features.len().min(MOST_LISTED)), &columns);
    for feature in features.iter().take(MOST_LISTED) {
        let cost =
            feature.permutation.as_ref().map_or_else(|| optional(None, 0), |cost| super::estimate(cost, 1));
        table.row(vec![feature.feature.clone(), optional_percent(feature.gain, 1), cost]);
    }
    section.folded_table(&table);
    section
}

pub(super) fn contributions(report: &SalaryReport) -> Section {
    let mut section = Section::new("contributions", "Contributions to predictions (SHAP)");
    let Some(first) = report.contributions.first() else { return section };
    section.paragraph(
        "The contributions of all features to a prediction of the log salary add up to its difference from the mean; \
         here they are shown as relative changes of the salary.",
    );
    let drawn = &report.contributions[..report.contributions.len().min(MOST_DRAWN)];
    let rows: Vec<Row> =
        drawn.iter().map(|row| Row { name: row.feature.clone(), examples: row.examples.clone() }).collect();
    let direction = match first.direction {
        Some(direction) if direction > 0.1 => "; larger values raise it",
        Some(direction) if direction < -0.1 => "; larger values lower it",
        _ => "",
    };
    let reading = format!(
        "\"{}\" moves the prediction most, by {} on average{direction}.",
        first.feature,
        percent(first.mean_absolute.exp_m1(), 0)
    );
    let words = Words { id: "swarm", title: "Contributions to single predictions", reading: &reading };
    let swarm = swarm(words, ("change of the salary; value:", &change), &rows);
    let values: Vec<Bar> = drawn
        .iter()
        .map(|row| Bar {
            name: match row.direction {
                Some(direction) if direction > 0.1 => format!("{} ↑", row.feature),
                Some(direction) if direction < -0.1 => format!("{} ↓", row.feature),
                _ => row.feature.clone(),
            },
            value: row.mean_absolute,
            interval: None,
            look: match row.direction {
                Some(direction) if direction > 0.1 => Look::High,
                Some(direction) if direction < -0.1 => Look::Low,
                _ => Look::Plain,
            },
        })
        .collect();
    let raising = drawn.iter().filter(|row| row.direction.is_some_and(|direction| direction > 0.1)).count();
    let lowering = drawn.iter().filter(|row| row.direction.is_some_and(|direction| direction < -0.1)).count();
    let reading = format!(
        "Larger values raise the prediction for {raising} of these features (↑) and lower it for {lowering} (↓); the \
         others have no order or no direction."
    );
    let text = |effect: f64| percent(effect.exp_m1(), 1);
    let measure =
        Measure { name: "mean absolute change of the salary", text: &text, mark: None, from_zero: true };
    let words =
        Words { id: "mean-contribution", title: "Mean contribution and direction", reading: &reading };
    section.figures(&[swarm, bars(words, &measure, &values)]);
    section
}

pub(super) fn words(report: &SalaryReport) -> Section {
    let mut section = Section::new("words", "Most telling words");
    let mut words: Vec<_> = report.words.iter().filter(|word| word.effect.is_finite()).collect();
    words.sort_by(|a, b| b.effect.total_cmp(&a.effect).then_with(|| a.word.cmp(&b.word)));
    let raising: Vec<_> = words.iter().take_while(|word| word.effect > 0.0).take(MOST_WORDS).collect();
    let lowering: Vec<_> = words.iter().rev().take_while(|word| word.effect < 0.0).take(MOST_WORDS).collect();
    if raising.is_empty() && lowering.is_empty() {
        return section;
    }
    section.paragraph(
        "The change of the predicted salary if the word stands in an otherwise equal ad. Words are signs of a job, \
         not causes of its pay.",
    );
    let largest = words.iter().map(|word| word.effect.abs()).fold(0.0, f64::max);
    let charts = [
        ("raise", "Words that raise", Look::High, raising),
        ("lower", "Words that lower", Look::Low, lowering),
    ]
    .map(|(id, title, look, words)| {
        let Some(first) = words.first() else { return Html::default() };
        let reading = format!(
            "\"{}\" changes the prediction by {}; {} have it.",
            first.word,
            change(first.effect),
            crate::report::numbers::count_of(first.ads, "training ad", "training ads")
        );
        let values: Vec<Bar> = words
            .iter()
            .map(|word| Bar {
                name: format!("{} ({})", word.word, count(word.ads)),
                value: word.effect.abs(),
                interval: None,
                look,
            })
            .collect();
        let sign = if id == "raise" { 1.0 } else { -1.0 };
        let text = |effect: f64| if effect > largest * 2.0 { String::new() } else { change(sign * effect) };
        let name = "change of the salary; training ads with the word in brackets";
        let measure = Measure { name, text: &text, mark: None, from_zero: true };
        bars(Words { id: &format!("words-{id}"), title, reading: &reading }, &measure, &values)
    });
    section.figures(&charts);
    section
}

pub(super) fn ablation(report: &SalaryReport) -> Section {
    let mut section = Section::new("ablation", "What each group of features is worth");
    if report.ablation.is_empty() {
        return section;
    }
    let mut groups: Vec<_> = report.ablation.iter().collect();
    let worth = |group: &super::Ablation| group.mae_change.value.unwrap_or(f64::NEG_INFINITY);
    groups.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    let values: Vec<Bar> = groups
        .iter()
        .take(MOST_DRAWN)
        .map(|group| Bar {
            name: group.group.clone(),
            value: group.mae_change.value.unwrap_or(f64::NAN),
            interval: group.mae_change.interval(),
            look: if worth(group) < 0.0 { Look::Other } else { Look::Main },
        })
        .collect();
    let sure = groups.iter().filter(|group| group.mae_change.low.is_some_and(|low| low > 0.0)).count();
    let reading = format!(
        "\"{}\" is worth most, {} of mean absolute error; {sure} of {} groups help beyond doubt (interval above 0).",
        groups[0].group,
        groups[0].mae_change.value.map_or_else(|| optional(None, 0), |cost| report.money(cost)),
        groups.len()
    );
    let name = format!("increase of the MAE without the group, {} a month", report.currency);
    let text = |value: f64| signed(value, number(value, 0));
    let measure = Measure { name: &name, text: &text, mark: None, from_zero: true };
    let words = Words { id: "ablation-mae", title: "Error without a group of features", reading: &reading };
    section.figures(&[bars(words, &measure, &values)]);
    let columns = ["Group", "Columns", "Increase of the MAE", "Change of R²"];
    let mut table = Table::new("Groups of features and what their removal costs", &columns);
    for group in groups {
        let change = group.r2_change.unwrap_or(f64::NAN);
        table.row(vec![
            group.group.clone(),
            count(group.columns),
            super::estimate(&group.mae_change, 0),
            signed(change, number(change, 3)),
        ]);
    }
    section.table(&table);
    section
}

pub(super) fn leakage(report: &SalaryReport) -> Section {
    let mut section = Section::new("leakage", "Leakage");
    let checks = &report.leakage;
    if checks.is_empty() {
        return section;
    }
    let caught: Vec<&str> =
        checks.iter().filter(|check| !check.passed).map(|check| check.feature.as_str()).collect();
    if caught.is_empty() {
        section.callout(
            Tone::Good,
            &format!(
                "None of {} features predicts the salary suspiciously well by itself.",
                count(checks.len() as u64)
            ),
        );
    } else {
        section.callout(Tone::Warning, &format!("Stopped by the leakage gate: {}.", caught.join(", ")));
    }
    section.paragraph(
        "The model never sees the stated salary, and amounts of money in texts are masked. The table has the R² of \
         each feature alone.",
    );
    let caption = format!("Leakage gate: the {} most suspicious features", checks.len().min(MOST_LISTED));
    let mut table = Table::new(&caption, &["Feature", "R² alone", "Limit", "Verdict"]).texts(&[3]);
    for check in checks.iter().take(MOST_LISTED) {
        let verdict = if check.passed { "✓ passes" } else { "✗ stopped" };
        let row =
            vec![check.feature.clone(), optional(check.alone, 2), number(check.limit, 2), verdict.to_owned()];
        if check.passed { table.row(row) } else { table.strong_row(row) }
    }
    if table.len() > 12 {
        section.folded_table(&table);
    } else {
        section.table(&table);
    }
    section
}
