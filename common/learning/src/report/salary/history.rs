//! Sections: the comparison with the champion, the trials of the tuning, the lineage.

use super::{ChampionComparison, Lineage, PairedDifference, SalaryReport, date, estimate};
use crate::report::charts::Words;
use crate::report::charts::curves::{Frame, Knot, Line, lines};
use crate::report::html::{Section, Tone};
use crate::report::numbers::{count, count_of, number, optional, seconds, signed};
use crate::report::table::Table;

/// Largest number of trials in the table.
const MOST_TRIALS: usize = 50;

/// Largest number of features that are named.
const MOST_NAMES: usize = 40;

pub(super) fn champion(report: &SalaryReport) -> Section {
    let mut section = Section::new("champion", "Changes against the champion");
    let Some(comparison) = &report.champion else { return section };
    section.paragraph(&format!(
        "The recipe of champion {} and this version's were fitted on the same ads and judged on the same {}. \
         Differences are paired, with 95% bootstrap intervals.",
        comparison.version,
        count_of(comparison.ads, "ad", "ads")
    ));
    if let Some(first) = comparison.differences.first() {
        let (tone, verdict) = verdict(first);
        section.callout(tone, &format!("{} {verdict}", first.score));
    }
    let mut table = Table::new(
        &format!("Scores of both recipes on the same {}", count_of(comparison.ads, "ad", "ads")),
        &["Score", &format!("Champion {}", comparison.version), "This version", "Difference"],
    );
    for row in &comparison.differences {
        let digits = digits(row);
        let difference = row.difference.value.unwrap_or(f64::NAN);
        table.row(vec![
            row.score.clone(),
            number(row.champion, digits),
            number(row.candidate, digits),
            signed(difference, estimate(&row.difference, digits)),
        ]);
    }
    section.table(&table);
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

/// Decimals that fit the size of a score.
fn digits(row: &PairedDifference) -> usize {
    if row.champion.abs().max(row.candidate.abs()) < 10.0 { 3 } else { 0 }
}

fn verdict(row: &PairedDifference) -> (Tone, String) {
    let sign = if row.smaller_is_better { 1.0 } else { -1.0 };
    let ends = row.difference.interval().map(|(low, high)| {
        let (a, b) = (low * sign, high * sign);
        (a.min(b), a.max(b))
    });
    let difference = row.difference.value.unwrap_or(f64::NAN);
    let text = signed(difference, estimate(&row.difference, digits(row)));
    match ends {
        Some((_, high)) if high < 0.0 => (Tone::Good, format!("is better than the champion's: {text}.")),
        Some((low, _)) if low > 0.0 => (Tone::Warning, format!("is worse than the champion's: {text}.")),
        Some(_) => (Tone::Note, format!("does not differ beyond chance from the champion's: {text}.")),
        None => (Tone::Note, format!("differs from the champion's by {text}; the interval is not known.")),
    }
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

/// What a model was made from.
pub(in crate::report) fn lineage(lineage: &Lineage) -> Section {
    let mut section = Section::new("lineage", "Lineage");
    let window = lineage
        .trained_on
        .map(|(from, to)| format!("{} to {}", date(Some(from)), date(Some(to))))
        .unwrap_or_default();
    let ads = count_of(lineage.training_ads, "ad", "ads");
    let seed = lineage.seed.to_string();
    let mut facts = vec![
        ("Training window", window.as_str()),
        ("Fitted on", if lineage.training_ads == 0 { "" } else { &ads }),
        ("Embedding model version", &lineage.embedding_model_version),
        ("Feature schema hash", &lineage.feature_schema_hash),
        ("Code version", &lineage.code_version),
        ("Seed", &seed),
    ];
    facts.extend(lineage.more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    section.facts(&facts);
    section
}

#[cfg(test)]
mod tests {
    use super::super::Estimate;
    use super::*;

    #[test]
    fn a_difference_is_better_worse_or_chance() {
        let row = |low, high, smaller_is_better| PairedDifference {
            score: "score".to_owned(),
            difference: Estimate::within(f64::midpoint(low, high), low, high),
            smaller_is_better,
            ..PairedDifference::default()
        };
        assert_eq!(verdict(&row(-30.0, -10.0, true)).0, Tone::Good);
        assert_eq!(verdict(&row(-30.0, -10.0, false)).0, Tone::Warning);
        assert_eq!(verdict(&row(10.0, 30.0, true)).0, Tone::Warning);
        assert_eq!(verdict(&row(10.0, 30.0, false)).0, Tone::Good);
        assert_eq!(verdict(&row(-10.0, 30.0, false)).0, Tone::Note);
    }
}
