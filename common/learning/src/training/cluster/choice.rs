//! The number of clusters and their space, chosen by the silhouette over that of points without structure.

use common_core::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::ClusterOptions;
use super::evidence::LEFT_OUT;
use crate::evaluation::silhouette::{Silhouette, silhouette, without_structure};
use crate::models::cluster::columns::Columns;
use crate::models::cluster::matching::Matched;
use crate::models::cluster::points::Partition;
use crate::models::cluster::space::{Input, Prepared, STARTS, Settled, Start};
use crate::models::cluster::{
    ClusterAds, ClusterRecipe, ClusterScores, FittedClusters, JobClusterer, Parts, vectors_of,
};
use crate::training::Observer;

/// Numbers of clusters that are compared.
const COMPARED: std::ops::RangeInclusive<usize> = 2..=16;
/// Numbers of clusters that may be chosen, before small ones are dissolved and after.
const BEFORE: std::ops::RangeInclusive<usize> = 8..=14;
const AFTER: std::ops::RangeInclusive<usize> = 8..=12;
/// Share of the ads that clusters keep in each rehearsal, for their number to be preferred.
const STABLE: f64 = 0.95;
/// Rehearsals are refits without the families of these remainders by [`LEFT_OUT`]. The refits that judge the clusters leave
/// out others.
const REHEARSED: [u32; 2] = [2, 3];
/// How much larger the silhouette of a fresh beginning must be for the clusters of the older version to be left.
const WORTH_FRESH: f64 = 0.05;

/// The recipe from one number of clusters, beside the same for points without structure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByClusters {
    /// Number of clusters of k-means.
    pub clusters: usize,
    /// Sum of squared distances to the centres of k-means, in 20 components.
    pub inertia: f64,
    /// The same as a share of that of one cluster.
    pub unexplained: f64,
    /// `unexplained` of points without structure.
    pub null_unexplained: f64,
    /// Number of clusters that are left.
    pub left: usize,
    /// Silhouette in their space.
    pub silhouette: Option<Silhouette>,
    /// The same for points without structure.
    pub null: Option<Silhouette>,
    /// The least share of the ads that stay in their cluster when it is fitted again to 95% of the families; `None` where
    /// it was not tried.
    pub kept: Option<f64>,
}

/// Vectors alone, or vectors with what else an ad states, at the number of clusters that is best for each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Space {
    /// Whether classification, work type and industry are read.
    pub with_columns: bool,
    /// The best number of clusters of k-means.
    pub clusters: usize,
    /// Silhouette of the ads.
    pub silhouette: Option<Silhouette>,
    /// Silhouette of points without structure.
    pub null: Option<Silhouette>,
}

/// What was chosen, with the clusters.
pub(super) struct Chosen {
    pub(super) fitted: FittedClusters,
    pub(super) by_clusters: Vec<ByClusters>,
    pub(super) spaces: Vec<Space>,
    pub(super) scores: ClusterScores,
    pub(super) null: Option<Silhouette>,
    pub(super) is_fresh: bool,
}

/// The ads in one space, beside points without structure.
struct Candidate {
    columns: Option<Columns>,
    prepared: Prepared,
    null: Prepared,
    rehearsals: Vec<Rehearsal>,
    by_clusters: Vec<ByClusters>,
}

/// A part of the ads that clusters are fitted to again.
struct Rehearsal {
    rows: Vec<u32>,
    prepared: Prepared,
}

/// The spaces to choose from.
pub(super) struct Choice<'a> {
    data: ClusterAds<'a>,
    options: ClusterOptions,
    older: Option<&'a JobClusterer>,
    candidates: Vec<Candidate>,
}

impl ByClusters {
    /// Silhouette over that of points without structure; points without structure that end in one cluster have 0.
    fn over_null(&self) -> Option<f64> {
        self.silhouette.map(|own| own.value - self.null.map_or(0.0, |null| null.value))
    }
}

impl<'a> Choice<'a> {
    /// Prepares both spaces, and compares numbers of clusters in each.
    pub(super) fn new(
        data: ClusterAds<'a>,
        options: ClusterOptions,
        older: Option<&'a JobClusterer>,
        observer: &dyn Observer,
    ) -> Result<Option<Self>> {
        if data.ads.is_empty() {
            return Err(Error::invalid_input(
                "no ads to find clusters in: expected ads with a vector: run embed-new-jobs",
            ));
        }
        observer.stage("comparing numbers of clusters", 2 * COMPARED.count());
        let vectors = vectors_of(data.ads);
        let null = without_structure(&vectors, options.seed)?;
        let null: Vec<&[f32]> = null.iter().map(Vec::as_slice).collect();
        let mut candidates = Vec::new();
        for columns in [None, Some(Columns::fit(data.ads))] {
            let values = columns.as_ref().map(|columns| columns.transform(data.ads));
            // Ads do not state what is random: the columns of points without structure are those of other ads.
            let shuffled = values.as_ref().map(|values| values.select(&shuffled(values.rows, options.seed)));
            let own = Input { vectors: &vectors, families: data.families, columns: values.as_ref() };
            let other = Input { vectors: &null, families: data.families, columns: shuffled.as_ref() };
            let mut candidate = Candidate {
                columns,
                prepared: Prepared::new(&own, options.seed)?,
                null: Prepared::new(&other, options.seed)?,
                // Only vectors alone can be chosen.
                rehearsals: if values.is_none() { rehearsals(&own, options.seed)? } else { Vec::new() },
                by_clusters: Vec::new(),
            };
            for clusters in COMPARED {
                if observer.is_stopped() {
                    return Ok(None);
                }
                candidate.compare(clusters, options.seed)?;
                observer.step();
            }
            candidates.push(candidate);
        }
        Ok(Some(Self { data, options, older, candidates }))
    }

    /// Chooses space and number of clusters, and fits the clusters to all ads.
    pub(super) fn chosen(mut self, observer: &dyn Observer) -> Result<Option<Chosen>> {
        observer.stage("finding clusters", 1);
        let spaces: Vec<Space> = self.candidates.iter().map(Candidate::space).collect();
        // Vectors alone. With classification, work type and industry beside them clusters part equal work by the board that
        // advertises it, and an index has one cluster for a text that ads of several classifications may share.
        let with_columns = false;
        let Candidate { columns, prepared, null, by_clusters, .. } = self.candidates.swap_remove(0);
        let clusters = best_of(&by_clusters).clusters;
        let seed = self.options.seed;
        let recipe = ClusterRecipe { clusters, with_columns, seed };
        let fresh = prepared.settle(Start::Fresh { clusters, seed })?;
        let older = match self.older {
            Some(older) => {
                let places = older.place(self.data.ads)?;
                Some((older, places.into_iter().map(|at| at.place).collect::<Vec<u32>>()))
            }
            None => None,
        };
        let score = |settled: &Settled| silhouette(&settled.points, &settled.partition.labels, seed);
        let (settled, is_fresh) = match &older {
            None => (fresh, true),
            Some((_, before)) => {
                let warm = prepared.settle(Start::Labels(before))?;
                let value = |settled: &Settled| score(settled).map_or(-1.0, |found| found.value);
                let is_fresh = value(&fresh) > value(&warm) + WORTH_FRESH;
                if is_fresh { (fresh, true) } else { (warm, false) }
            }
        };
        let scores = ClusterScores {
            silhouette: score(&settled),
            inertia: settled.partition.inertia(&settled.points),
        };
        let without = null.settle(Start::Fresh { clusters, seed })?;
        let null = score(&without);
        let parts = Parts { prepared, columns, settled };
        let older = older.as_ref().map(|(older, before)| (*older, before.as_slice()));
        let fitted = JobClusterer::assemble(self.data, recipe, parts, older);
        observer.step();
        Ok((!observer.is_stopped()).then_some(Chosen { fitted, by_clusters, spaces, scores, null, is_fresh }))
    }
}

impl Candidate {
    fn compare(&mut self, clusters: usize, seed: u64) -> Result<()> {
        let (own, null) = (run(&self.prepared, clusters, seed)?, run(&self.null, clusters, seed)?);
        let kept = if BEFORE.contains(&clusters) && AFTER.contains(&own.left) {
            least_kept(&self.rehearsals, &own.labels)?
        } else {
            None
        };
        self.by_clusters.push(ByClusters {
            kept,
            clusters,
            inertia: own.inertia,
            unexplained: own.unexplained,
            null_unexplained: null.unexplained,
            left: own.left,
            silhouette: own.silhouette,
            null: null.silhouette,
        });
        Ok(())
    }

    fn best(&self) -> &ByClusters {
        best_of(&self.by_clusters)
    }

    fn space(&self) -> Space {
        let ByClusters { clusters, silhouette, null, .. } = *self.best();
        Space { with_columns: self.columns.is_some(), clusters, silhouette, null }
    }
}

/// The number of clusters that may be chosen with the largest silhouette over the null, among those that rehearsals keep; of
/// any, if none may.
fn best_of(by_clusters: &[ByClusters]) -> &ByClusters {
    let gain = |one: &&ByClusters| one.over_null().unwrap_or(f64::NEG_INFINITY);
    let largest = |of: &dyn Fn(&&ByClusters) -> bool| {
        by_clusters.iter().filter(|one| of(one)).max_by(|a, b| gain(a).total_cmp(&gain(b)))
    };
    let may_be = |one: &&ByClusters| {
        BEFORE.contains(&one.clusters) && AFTER.contains(&one.left) && one.silhouette.is_some()
    };
    largest(&|one| may_be(one) && one.kept.is_none_or(|kept| kept >= STABLE))
        .or_else(|| largest(&may_be))
        .or_else(|| largest(&|_| true))
        .unwrap_or(&by_clusters[0])
}

struct Compared {
    inertia: f64,
    unexplained: f64,
    left: usize,
    labels: Vec<u32>,
    silhouette: Option<Silhouette>,
}

fn run(prepared: &Prepared, clusters: usize, seed: u64) -> Result<Compared> {
    let points = &prepared.points;
    let partition = Partition::k_means(points, clusters, STARTS, seed);
    let inertia = partition.inertia(points);
    let whole = Partition::of_labels(points, vec![0; points.rows]).inertia(points);
    let settled = prepared.settle(Start::Labels(&partition.labels))?;
    Ok(Compared {
        inertia,
        unexplained: if whole > 0.0 { inertia / whole } else { 0.0 },
        left: settled.partition.centroids.rows,
        silhouette: silhouette(&settled.points, &settled.partition.labels, seed),
        labels: settled.partition.labels,
    })
}

fn rehearsals(input: &Input<'_>, seed: u64) -> Result<Vec<Rehearsal>> {
    let rehearsal = |part: u32| {
        let rows: Vec<u32> = (0..input.families.len() as u32)
            .filter(|row| input.families[*row as usize] % LEFT_OUT != part)
            .collect();
        let vectors: Vec<&[f32]> = rows.iter().map(|row| input.vectors[*row as usize]).collect();
        let families: Vec<u32> = rows.iter().map(|row| input.families[*row as usize]).collect();
        let columns = input.columns.map(|columns| columns.select(&rows));
        let some = Input { vectors: &vectors, families: &families, columns: columns.as_ref() };
        Ok(Rehearsal { rows, prepared: Prepared::new(&some, seed)? })
    };
    REHEARSED.map(rehearsal).into_iter().collect()
}

/// The least share of the ads that stay in the cluster that `labels` give them.
fn least_kept(rehearsals: &[Rehearsal], labels: &[u32]) -> Result<Option<f64>> {
    let mut least: Option<f64> = None;
    for Rehearsal { rows, prepared } in rehearsals.iter().filter(|rehearsal| !rehearsal.rows.is_empty()) {
        let before: Vec<u32> = rows.iter().map(|row| labels[*row as usize]).collect();
        let again = prepared.settle(Start::Labels(&before))?.partition;
        let ids: Vec<u32> = (0..=labels.iter().copied().max().unwrap_or_default()).collect();
        let kept = Matched::new(&before, &again.labels, &ids, again.centroids.rows, 0).kept;
        least = Some(least.map_or(kept, |least| least.min(kept)));
    }
    Ok(least)
}

fn shuffled(rows: usize, seed: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}
