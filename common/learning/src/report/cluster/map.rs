//! Section: the ads on maps of two and three dimensions.

use super::{ClusterReport, MOST_POINTS, MapPoint};
use crate::report::charts::map::{Spot, deep, flat};
use crate::report::charts::{Words, evenly};
use crate::report::html::Section;
use crate::report::numbers::{count, count_of};

pub(super) fn section(report: &ClusterReport) -> Section {
    let mut section = Section::new("map", "Map");
    let points: Vec<&MapPoint> =
        evenly(report.points.len(), MOST_POINTS).map(|n| &report.points[n]).collect();
    if points.is_empty() {
        return section;
    }
    let names: Vec<&str> = report.clusters.iter().map(|cluster| cluster.label.name.as_str()).collect();
    let spots: Vec<Spot<'_>> = points
        .iter()
        .map(|point| Spot {
            at: point.flat.map(f64::from),
            group: point.cluster as usize,
            title: &point.title,
        })
        .collect();
    let deep_spots: Vec<([f64; 3], usize)> =
        points.iter().map(|point| (point.deep.map(f64::from), point.cluster as usize)).collect();
    section.paragraph(
        "Ads with similar texts are drawn near each other (UMAP). Near places mean similar ads; the distance of far places \
         and the size of an island mean nothing.",
    );
    let shown = format!(
        "{} of {} in the colours of their clusters",
        count(points.len() as u64),
        count_of(report.placed(), "ad", "ads")
    );
    let reading = format!("{shown}. A point that has a title shows it under the pointer.");
    let words = Words { id: "map-flat", title: "Two dimensions", reading: &reading };
    let flat = flat(words, &names, &spots);
    let reading = format!("{shown}. Turn it by dragging, or by the arrow keys once it is selected.");
    let words = Words { id: "map-deep", title: "Three dimensions", reading: &reading };
    section.figures(&[flat, deep(words, &names, &deep_spots)]);
    section
}
