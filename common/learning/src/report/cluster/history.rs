//! Section: what became of the clusters of the version before.

use super::{Changes, ClusterReport};
use crate::models::cluster::matching::Change;
use crate::models::cluster::naming::Label;
use crate::report::html::Section;
use crate::report::numbers::percent;

pub(super) fn section(report: &ClusterReport) -> Section {
    let mut section = Section::new("changes", "Changes against the version before");
    let Some(changes) = &report.changes else { return section };
    let version = if changes.version.is_empty() { "the version before" } else { changes.version.as_str() };
    section.paragraph(&format!(
        "The clusters were matched with those of {version} by where both place the same ads: {} of the ads are in the cluster \
         of the same id.",
        percent(changes.kept, 1)
    ));
    let names = Names { old: &changes.labels, new: report.clusters.iter().map(|own| &own.label).collect() };
    section.list(&sentences(changes, &names));
    section
}

/// The names of the clusters of both versions.
struct Names<'a> {
    old: &'a [Label],
    new: Vec<&'a Label>,
}

impl Names<'_> {
    fn before(&self, id: u32) -> String {
        quoted(self.old.iter().find(|label| label.id == id), id)
    }

    fn after(&self, id: u32) -> String {
        quoted(self.new.iter().copied().find(|label| label.id == id), id)
    }
}

fn quoted(label: Option<&Label>, id: u32) -> String {
    label.map_or_else(|| format!("cluster {id}"), |label| format!("\"{}\"", label.name))
}

fn sentences(changes: &Changes, names: &Names<'_>) -> Vec<String> {
    let shares = |parts: &[(u32, f64)], name: &dyn Fn(u32) -> String| {
        let parts: Vec<String> =
            parts.iter().map(|(id, share)| format!("{} {}", percent(*share, 0), name(*id))).collect();
        parts.join(", ")
    };
    let sentence = |change: &Change| match change {
        Change::Kept { id, share } => {
            let (old, new, share) = (names.before(*id), names.after(*id), percent(*share, 0));
            let renamed =
                if old == new || names.old.is_empty() { String::new() } else { format!(" as {new}") };
            let name = if names.old.is_empty() { new } else { old };
            format!("Kept: {name}{renamed}, with {share} of its ads.")
        }
        Change::Split { id, into } => {
            format!("Split: {} into {}.", names.before(*id), shares(into, &|id| names.after(id)))
        }
        Change::Merged { id, from } => {
            format!("Merged: {} from {}.", names.after(*id), shares(from, &|id| names.before(id)))
        }
        Change::Appeared { id, share } => {
            format!("Appeared: {}, with {} of the ads.", names.after(*id), percent(*share, 1))
        }
        Change::Vanished { id, share } => {
            format!("Vanished: {}, which had {} of the ads.", names.before(*id), percent(*share, 1))
        }
    };
    changes.changes.iter().map(sentence).collect()
}
