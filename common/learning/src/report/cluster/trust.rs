//! Section: ads that the clusters never saw, refits, and what a search for density finds.

use super::{ClusterReport, shown};
use crate::models::cluster::ClusterScores;
use crate::report::html::Section;
use crate::report::numbers::{MISSING, count, number, percent};
use crate::report::table::Table;
use crate::training::cluster::evidence::{Density, Evidence, HeldOut, Judged};

pub(super) fn section(report: &ClusterReport) -> Section {
    let mut section = Section::new("trust", "How far the clusters can be relied upon");
    let Some(evidence) = &report.evidence else { return section };
    let Some(judged) = &evidence.judged else { return section };
    if let Some(held_out) = &judged.held_out {
        later(report, evidence, held_out, &mut section);
    }
    refits(judged, &mut section);
    density(&judged.density, &mut section);
    section
}

fn later(report: &ClusterReport, evidence: &Evidence, held_out: &HeldOut, section: &mut Section) {
    section.heading("Held-out ads");
    section.paragraph(
        "Clusters were fitted by the same recipe to the ads before the most recent tenth, and placed that tenth, without \
         reposts of ads that they had seen.",
    );
    let mut table = Table::new(
        "Training ads and held-out ads",
        &["Ads", "Number", "Silhouette", "Inertia of an ad", "Smallest cluster"],
    );
    let row = |name: &str, ads: u64, scores: &ClusterScores, smallest: f64| {
        vec![
            name.to_owned(),
            count(ads),
            shown(scores.silhouette),
            number(scores.inertia / ads.max(1) as f64, 3),
            percent(smallest, 1),
        ]
    };
    let smallest = report.smallest().map_or(f64::NAN, |cluster| cluster.share);
    table.row(row("training", report.placed(), &evidence.scores, smallest));
    table.row(row("held out", u64::from(held_out.ads), &held_out.scores, held_out.smallest));
    section.table(&table);
}

fn refits(judged: &Judged, section: &mut Section) {
    if judged.refits.is_empty() {
        return;
    }
    section.heading("Refits");
    section.paragraph(
        "The clusters were fitted again without one in twenty families of reposts. A refit that begins from these clusters, as \
         the next training does, should keep nearly all ads in their cluster; one that begins from nothing shows how far the \
         clusters depend on the beginning.",
    );
    let mut table = Table::new(
        "Ads that stay in the cluster of the same id",
        &["Refit", "Ads", "Clusters", "Share that stays"],
    );
    for (n, refit) in judged.refits.iter().enumerate() {
        table.row(vec![
            format!("{} from these clusters", n + 1),
            count(refit.ads.into()),
            count(refit.clusters.into()),
            percent(refit.kept, 1),
        ]);
    }
    let kept = percent(judged.kept_from_nothing, 1);
    table.row(vec!["1 from nothing".to_owned(), MISSING.to_owned(), MISSING.to_owned(), kept]);
    section.table(&table);
}

fn density(found: &[Density], section: &mut Section) {
    if found.is_empty() {
        return;
    }
    section.heading("Dense regions, for comparison");
    section.paragraph(
        "DBSCAN looks for dense regions among at most 2,000 ads instead of a number of clusters. One large region, or many \
         points in no region, means that the ads form no islands and that the borders of the clusters run through a continuum.",
    );
    let mut table = Table::new(
        "DBSCAN by its radius, within which this share of the points has ten neighbours",
        &["Radius", "Regions", "In no region", "In the largest", "Silhouette of those in regions"],
    );
    for one in found {
        table.row(vec![
            percent(one.quantile, 0),
            count(one.clusters.into()),
            percent(one.noise, 1),
            percent(one.largest, 1),
            shown(one.silhouette),
        ]);
    }
    section.table(&table);
}
