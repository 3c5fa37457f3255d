//! The first section: how many clusters there are, and how clear they are.

use super::{ClusterReport, shown, value_of};
use crate::report::html::{Card, Section, Tone};
use crate::report::numbers::{count, count_of, optional_percent, percent};
use crate::report::shared;

/// How much larger than that of points without structure a silhouette is at least without a word of caution.
const CLEAR: f64 = 0.05;

pub(super) fn section(report: &ClusterReport) -> Section {
    let mut section = Section::new("summary", "Summary");
    shared::decision(report.decision.as_ref(), &mut section);
    if let Some(largest) = report.clusters.iter().max_by_key(|cluster| cluster.ads) {
        section.paragraph(&format!(
            "{} were read, {} of them without a vector and therefore in no cluster. The others are in {}; the largest is \
             \"{}\" with {} of them.",
            count_of(report.ads, "ad", "ads"),
            count(report.without_vector),
            count_of(report.clusters.len() as u64, "cluster", "clusters"),
            largest.label.name,
            percent(largest.share, 1)
        ));
    }
    caution(report, &mut section);
    section.cards(&cards(report));
    section.facts(&[("Kind and version", &format!("{} {}", report.kind, report.version))]);
    section
}

fn caution(report: &ClusterReport, section: &mut Section) {
    let Some(evidence) = &report.evidence else { return };
    let own = value_of(evidence.scores.silhouette).unwrap_or_default();
    if own < value_of(evidence.null).unwrap_or_default() + CLEAR {
        section.callout(
            Tone::Warning,
            "The clusters are hardly further apart than those that the same recipe finds in points without structure.",
        );
    }
}

fn cards(report: &ClusterReport) -> Vec<Card> {
    let card = |label: &str, value: String, note: String| Card { label: label.to_owned(), value, note };
    let Some(smallest) = report.smallest() else { return Vec::new() };
    let begun = |is_fresh| if is_fresh { "begun from nothing" } else { "begun from the version before" };
    let begun = report.evidence.as_ref().map_or("", |evidence| begun(evidence.is_fresh));
    let mut cards = vec![
        card("Clusters", count(report.clusters.len() as u64), begun.to_owned()),
        card("Smallest share", percent(smallest.share, 1), smallest.label.name.clone()),
    ];
    let Some(evidence) = &report.evidence else { return cards };
    let null = format!("points without structure: {}", shown(evidence.null));
    cards.push(card("Silhouette", shown(evidence.scores.silhouette), null));
    let Some(judged) = &evidence.judged else { return cards };
    if let Some(held_out) = &judged.held_out {
        let note = format!("{} posted later", count_of(held_out.ads.into(), "ad", "ads"));
        cards.push(card("Silhouette of held-out ads", shown(held_out.scores.silhouette), note));
    }
    let least = judged.refits.iter().map(|refit| refit.kept).min_by(f64::total_cmp);
    if least.is_some() {
        let note = format!("from nothing: {}", percent(judged.kept_from_nothing, 1));
        cards.push(card("Kept by a refit on 95%", optional_percent(least, 1), note));
    }
    cards
}
