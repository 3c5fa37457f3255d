//! Sections: the comparison with the champion, the trials of the tuning.

use super::{ChampionComparison, SalaryReport, date, estimate};
use crate::report::charts::Words;
use crate::report::charts::curves::{Frame, Knot, Line, lines};
use crate::report::html::Section;
use crate::report::numbers::{count, count_of, number, optional, seconds};
use crate::report::shared::against_champion;
use crate::report::table::Table;

/// Largest number of trials in the table.
const MOST_TRIALS: usize = 50;

/// Largest number of features that are named.
const MOST_NAMES: usize = 40;

pub(super) fn champion(report: &SalaryReport) -> Section {
    let mut section = Section::new("champion", "Changes against the champion");
    let Some(comparison) = &report.champion else { return section };
    against_champion(comparison, &mut section);
    features(comparison, &mut section);
    if let Some(stored) = &comparison.stored {
        section.paragraph(&format!(
            "The stored champion was trained on ads up to {}. On the {} posted later its mean absolute error is {} \
             and its R² {}.",
            date(stored.trained_until),
            count_of(stored.ads, "ad", "ads"),
            estimate(&stored.mae, 0),
            estimate(&stored.r2, 2)
        ));
    }
    section
}

fn features(comparison: &ChampionComparison, section: &mut Section) {
    let named = |features: &[String]| {
        let mut names: Vec<&str> = features.iter().take(MOST_NAMES).map(String::as_str).collect();
        let rest = format!("{} more", features.len().saturating_sub(MOST_NAMES));
        if features.len() > MOST_NAMES {
            names.push(&rest);
        }
        names.join(", ")
    };
    let mut sentences = Vec::new();
    if !comparison.features_added.is_empty() {
        sentences.push(format!("Features added: {}.", named(&comparison.features_added)));
    }
    if !comparison.features_removed.is_empty() {
        sentences.push(format!("Features removed: {}.", named(&comparison.features_removed)));
    }
    if sentences.is_empty() {
        sentences.push("Both have the same features.".to_owned());
    }
    section.list(&sentences);
}

pub(super) fn trials(report: &SalaryReport) -> Section {
    let mut section = Section::new("tuning", "Tuning");
    let mut trials: Vec<_> = report.trials.iter().collect();
    if trials.is_empty() {
        return section;
    }
    trials.sort_by_key(|trial| trial.number);
    let is_complete =
        |trial: &super::Trial| trial.loss.is_some_and(f64::is_finite) && trial.outcome == "complete";
    let complete: Vec<(f64, f64)> = trials
        .iter()
        .filter(|trial| is_complete(trial))
        .filter_map(|trial| Some((trial.number as f64, trial.loss?)))
        .collect();
    let mut least = f64::INFINITY;
    let mut best = Vec::new();
    for (number, loss) in &complete {
        least = least.min(*loss);
        best.push(Knot { x: *number, y: least, interval: None });
    }
    let digits = if least.abs() < 10.0 { 4 } else { 1 };
    let found = complete.iter().find(|(_, loss)| loss.total_cmp(&least).is_eq());
    let reading = found.map_or_else(
        || format!("None of {} trials was completed.", trials.len()),
        |(at, loss)| {
            format!(
                "The best of {} ({} completed) is trial {at}, with a loss of {}.",
                count_of(trials.len() as u64, "trial", "trials"),
                complete.len(),
                number(*loss, digits)
            )
        },
    );
    let words = Words { id: "trials", title: "Best loss so far", reading: &reading };
    let frame = Frame {
        x_name: "trial",
        x_text: &|value| if value.fract() == 0.0 { number(value, 0) } else { String::new() },
        x_is_log: false,
        y_name: "loss",
        y_text: &|value| number(value, digits),
        mark: None,
        from_zero: false,
    };
    section.figures(&[lines(words, &frame, &[Line { name: "best so far", knots: best }])]);
    let key = |trial: &super::Trial| (!is_complete(trial), trial.loss.unwrap_or(f64::INFINITY));
    trials.sort_by(|a, b| {
        let (a_key, b_key) = (key(a), key(b));
        a_key.0.cmp(&b_key.0).then_with(|| a_key.1.total_cmp(&b_key.1)).then_with(|| a.number.cmp(&b.number))
    });
    let names: Vec<&str> = trials[0].parameters.iter().map(|(name, _)| name.as_str()).collect();
    let mut columns = vec!["Trial", "Outcome", "Loss", "Time"];
    columns.extend(&names);
    let caption = format!("The {} best trials", trials.len().min(MOST_TRIALS));
    let mut table = Table::new(&caption, &columns).texts(&[1]);
    for trial in trials.into_iter().take(MOST_TRIALS) {
        let mut row = vec![
            count(trial.number),
            trial.outcome.clone(),
            optional(trial.loss, digits),
            seconds(trial.seconds),
        ];
        row.extend(names.iter().map(|name| {
            let value = trial.parameters.iter().find(|(parameter, _)| parameter == name);
            value.map_or_else(|| optional(None, 0), |(_, value)| value.clone())
        }));
        table.row(row);
    }
    section.folded_table(&table);
    section
}
