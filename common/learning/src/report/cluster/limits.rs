//! Section: what the clusters cannot say, in words.

use super::ClusterReport;
use crate::report::html::Section;
use crate::report::numbers::percent;

const SENTENCES: [&str; 4] = [
    "A silhouette alone proves nothing: it is read beside that of points without structure, which the same recipe parts too.",
    "A cluster can vanish, split or merge in later ads; its id is not given to another.",
    "Shares, pay and growth are of the training ads, which are not a sample of all vacancies.",
    "The map draws the clusters and decides none of them: they were found in other axes than those of the map.",
];

pub(super) fn section(report: &ClusterReport) -> Section {
    let mut section = Section::new("limits", "What the clusters cannot say");
    if report.clusters.is_empty() {
        return section;
    }
    let mut sentences: Vec<String> = SENTENCES.map(str::to_owned).into();
    if let Some(judged) = report.evidence.as_ref().and_then(|evidence| evidence.judged.as_ref()) {
        sentences.push(format!(
            "Other clusters are possible: a fit that begins from nothing leaves {} of the ads in the matching cluster.",
            percent(judged.kept_from_nothing, 0)
        ));
    } else {
        sentences.push("This training was quick: held-out ads and refits were not measured.".to_owned());
    }
    section.list(&sentences);
    section
}
