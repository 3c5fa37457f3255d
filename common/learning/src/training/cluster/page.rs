//! The report of a training of clusters: what [`ClusterReport`] is filled with.

use common_core::job::Timestamp;

use super::TrainedClusters;
use crate::ads::Ad;
use crate::models::cluster::naming::Label;
use crate::report::charts::evenly;
use crate::report::cluster::{Changes, ClusterReport, MOST_POINTS, MapPoint};
use crate::report::salary::{Decision, Lineage};

/// What the report says that the training does not know.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// Kind of the model in the registry.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// When the training ended.
    pub created_at: Timestamp,
    /// Number of ads that were read, with and without a vector.
    pub ads: u64,
    /// Number of ads without a vector.
    pub without_vector: u64,
    /// Whether the version became champion, and why.
    pub decision: Option<(bool, String)>,
    /// Version of the champion before, from which the training kept ids and names.
    pub champion: Option<String>,
    /// Clusters of the champion before; without them sentences about them have ids for names.
    pub champion_labels: Vec<Label>,
    /// What the model was made from.
    pub lineage: Lineage,
}

/// The report of a training; `ads` are those that the training was given.
pub fn report(ads: &[Ad], trained: &TrainedClusters, facts: ClusterFacts) -> ClusterReport {
    let (champion, labels) = (facts.champion, facts.champion_labels);
    ClusterReport {
        kind: facts.kind,
        version: facts.version,
        created_at: facts.created_at,
        decision: facts.decision.map(|(promoted, reason)| Decision { promoted, reason }),
        ads: facts.ads,
        without_vector: facts.without_vector,
        recipe: Some(trained.clusterer.config.recipe),
        clusters: trained.summaries.clone(),
        points: points(ads, trained),
        evidence: Some(trained.evidence.clone()),
        changes: trained.matched.as_ref().map(|matched| Changes {
            version: champion.unwrap_or_default(),
            labels,
            kept: matched.kept,
            changes: matched.changes.clone(),
        }),
        lineage: facts.lineage,
    }
}

/// The ads of the maps, evenly spaced in their order.
fn points(ads: &[Ad], trained: &TrainedClusters) -> Vec<MapPoint> {
    let placed = trained.rows.len().min(trained.flat.rows).min(trained.deep.rows);
    let point = |n: usize| {
        Some(MapPoint {
            flat: trained.flat.row(n).try_into().ok()?,
            deep: trained.deep.row(n).try_into().ok()?,
            cluster: *trained.places.get(n)?,
            title: ads.get(trained.rows[n] as usize)?.title.clone(),
        })
    };
    evenly(placed, MOST_POINTS).filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ClusterOptions, train};
    use super::*;
    use crate::models::cluster::tests::ads;
    use crate::training::Observer;

    struct Silent;

    impl Observer for Silent {
        fn stage(&self, _: &str, _: usize) {}
        fn step(&self) {}
        fn is_stopped(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_training_fills_the_report() {
        let mut ads = ads(180, 1);
        ads.insert(0, Ad { title: "Without a vector".into(), ..Ad::default() });
        let options = ClusterOptions { seed: 1, quick: true };
        let first = train(&ads, options, None, &Silent).unwrap().unwrap();
        let second = train(&ads, options, Some(&first.clusterer), &Silent).unwrap().unwrap();
        let facts = ClusterFacts {
            kind: "job_clusterer".into(),
            version: "v2".into(),
            ads: 181,
            without_vector: 1,
            decision: Some((true, "the clusters are further apart".into())),
            champion: Some("v1".into()),
            champion_labels: first.clusterer.get_cluster_labels().to_vec(),
            ..ClusterFacts::default()
        };
        assert_eq!(report(&ads, &first, facts.clone()).changes, None);
        let report = report(&ads, &second, facts);
        assert_eq!((report.points.len(), report.points[0].title.as_str()), (180, "Staff Nurse"));
        assert_eq!(report.changes.as_ref().map(|changes| changes.version.as_str()), Some("v1"));
        let page = report.render();
        assert!(page.contains("181 ads were read, 1 of them without a vector"));
        assert!(page.contains("Kept: &quot;"));
        assert!(page.contains("id=\"map-deep\"") && !page.contains("id=\"trust\""));
    }
}
