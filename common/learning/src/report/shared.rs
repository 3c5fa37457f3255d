//! What the pages of all models say alike: estimates, dates, the decision, the champion, the lineage.

use chrono::NaiveDate;

use super::html::{Section, Tone};
use super::numbers::{MISSING, count_of, number, optional, signed};
use super::salary::{ChampionComparison, Decision, Estimate, Lineage, PairedDifference};
use super::table::Table;

/// `1,040 (980 to 1,100)`, or the value alone if the interval is not known.
pub(super) fn estimate(estimate: &Estimate, digits: usize) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            let [low, high] = [low, high].map(|end| number(end, digits));
            format!("{} ({low} to {high})", optional(estimate.value, digits))
        }
        _ => optional(estimate.value, digits),
    }
}

/// [`estimate`] for a table: the interval stands below the value.
pub(super) fn cell(value: &Estimate, digits: usize) -> String {
    estimate(value, digits).replacen(" (", "\n(", 1)
}

/// `3 May 2025`, or a dash.
pub(super) fn date(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| MISSING.to_owned(), |date| date.format("%-d %b %Y").to_string())
}

/// Adds whether the version became champion, and why.
pub(super) fn decision(decision: Option<&Decision>, section: &mut Section) {
    let Some(decision) = decision else { return };
    let (tone, outcome) = if decision.promoted {
        (Tone::Good, "This version is the champion")
    } else {
        (Tone::Note, "This version was published and is not the champion")
    };
    section.callout(tone, &format!("{outcome}: {}", decision.reason));
}

/// Adds the scores of the champion's recipe and of this version's, with their differences.
pub(super) fn against_champion(comparison: &ChampionComparison, section: &mut Section) {
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

/// The section of what a model was made from.
pub(super) fn lineage(lineage: &Lineage) -> Section {
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
