//! Sections: the number of clusters, and what is read besides the vectors.

use super::{ClusterReport, shown, value_of};
use crate::report::charts::Words;
use crate::report::charts::curves::{Frame, Knot, Line, lines};
use crate::report::html::{Html, Section};
use crate::report::numbers::{MISSING, count, number, optional, percent, signed};
use crate::report::table::Table;
use crate::training::cluster::ByClusters;

pub(super) fn numbers(report: &ClusterReport) -> Section {
    let mut section = Section::new("number", "Number of clusters");
    let Some(evidence) = report.evidence.as_ref().filter(|evidence| !evidence.by_clusters.is_empty()) else {
        return section;
    };
    section.paragraph(
        "The same recipe ran with each number of clusters on the ads, and on points without structure: as many points from a \
         Gaussian distribution with the mean and the covariance of the vectors. The number whose silhouette is furthest above \
         that of these points was taken, among those that leave 8 to 12 clusters of at least 5% of the ads, of which two \
         refits to 95% of the families keep 95%.",
    );
    section.figures(&[elbow(&evidence.by_clusters), silhouettes(&evidence.by_clusters)]);
    let mut table = Table::new(
        "Scores by number of clusters; \"null\" is of points without structure",
        &[
            "Clusters of k-means",
            "Left",
            "Inertia",
            "Share of one cluster's",
            "Null",
            "Silhouette",
            "Null",
            "Difference",
            "Kept by refits",
        ],
    );
    for one in &evidence.by_clusters {
        let row = vec![
            count(one.clusters as u64),
            count(one.left as u64),
            number(one.inertia, 1),
            percent(one.unexplained, 1),
            percent(one.null_unexplained, 1),
            shown(one.silhouette),
            shown(one.null),
            over_null(value_of(one.silhouette), value_of(one.null)),
            one.kept.map_or_else(|| MISSING.to_owned(), |kept| percent(kept, 1)),
        ];
        if report.recipe.is_some_and(|recipe| recipe.clusters == one.clusters) {
            table.strong_row(row);
        } else {
            table.row(row);
        }
    }
    section.table(&table);
    section
}

/// A silhouette minus that of points without structure; one cluster of such points counts 0.
fn over_null(own: Option<f64>, null: Option<f64>) -> String {
    let difference = own.map(|own| own - null.unwrap_or_default());
    signed(difference.unwrap_or(f64::NAN), optional(difference, 3))
}

/// A line over the number of clusters.
fn line<'a>(name: &'a str, by_clusters: &[ByClusters], value: fn(&ByClusters) -> Option<f64>) -> Line<'a> {
    let knot = |one: &ByClusters| {
        let y = value(one).unwrap_or(f64::NAN);
        Knot { x: one.clusters as f64, y, interval: None }
    };
    Line { name, knots: by_clusters.iter().map(knot).collect() }
}

/// The text of a number of clusters; none between whole numbers.
fn whole(value: f64) -> String {
    if value.fract() == 0.0 { number(value, 0) } else { String::new() }
}

fn elbow(by_clusters: &[ByClusters]) -> Html {
    let (Some(first), Some(last)) = (by_clusters.first(), by_clusters.last()) else { return Html::default() };
    let reading = format!(
        "From {} to {} clusters the inertia falls from {} to {} of that of one cluster; of points without structure from {} \
         to {}.",
        first.clusters,
        last.clusters,
        percent(first.unexplained, 0),
        percent(last.unexplained, 0),
        percent(first.null_unexplained, 0),
        percent(last.null_unexplained, 0)
    );
    let words = Words { id: "elbow", title: "Inertia", reading: &reading };
    let frame = Frame {
        x_name: "clusters of k-means",
        x_text: &whole,
        x_is_log: false,
        y_name: "inertia / one cluster's",
        y_text: &|value| percent(value, 0),
        mark: None,
        from_zero: true,
    };
    let own = line("ads", by_clusters, |one| Some(one.unexplained));
    let null = line("no structure", by_clusters, |one| Some(one.null_unexplained));
    lines(words, &frame, &[own, null])
}

fn silhouettes(by_clusters: &[ByClusters]) -> Html {
    let gain =
        |one: &&ByClusters| value_of(one.silhouette).unwrap_or(-1.0) - value_of(one.null).unwrap_or_default();
    let best = by_clusters.iter().max_by(|a, b| gain(a).total_cmp(&gain(b)));
    let Some(best) = best.filter(|best| best.silhouette.is_some()) else { return Html::default() };
    let reading = format!(
        "The silhouette is furthest above that of points without structure at {} clusters: {} against {}.",
        best.clusters,
        shown(best.silhouette),
        shown(best.null)
    );
    let words = Words { id: "silhouettes", title: "Silhouette", reading: &reading };
    let frame = Frame {
        x_name: "clusters of k-means",
        x_text: &whole,
        x_is_log: false,
        y_name: "silhouette",
        y_text: &|value| number(value, 2),
        mark: None,
        from_zero: false,
    };
    let own = line("ads", by_clusters, |one| value_of(one.silhouette));
    let null = line("no structure", by_clusters, |one| value_of(one.null));
    lines(words, &frame, &[own, null])
}

pub(super) fn spaces(report: &ClusterReport) -> Section {
    let mut section = Section::new("spaces", "Embeddings alone and with features");
    let Some(evidence) = report.evidence.as_ref().filter(|evidence| !evidence.spaces.is_empty()) else {
        return section;
    };
    section.paragraph(
        "The clusters are those of the embeddings alone. With classification, work type and industry beside them, clusters \
         part equal work by the board that advertises it, and a text that several ads share would be in several clusters. The \
         table says what that would change.",
    );
    let mut table = Table::new(
        "Both at the number of clusters that is best for each",
        &["What is read", "Clusters of k-means", "Silhouette", "Points without structure", "Difference"],
    );
    for space in &evidence.spaces {
        let name = if space.with_columns { "embeddings and features" } else { "embeddings alone" };
        let row = vec![
            name.to_owned(),
            count(space.clusters as u64),
            shown(space.silhouette),
            shown(space.null),
            over_null(value_of(space.silhouette), value_of(space.null)),
        ];
        if report.recipe.is_some_and(|recipe| recipe.with_columns == space.with_columns) {
            table.strong_row(row);
        } else {
            table.row(row);
        }
    }
    section.table(&table);
    section
}
