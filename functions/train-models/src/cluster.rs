//! Training of the clustering, on the ads of all currencies.

use std::collections::BTreeMap;

use chrono::Utc;
use common::artifact::{Decision, Window};
use common::learning::Ad;
use common::learning::evaluation::silhouette::Silhouette;
use common::learning::features::schema::schema_hash;
use common::learning::manifest::{CLUSTERING, ClusteringBody, Cutoffs, metrics};
use common::learning::models::cluster::JobClusterer;
use common::learning::training::Observer;
use common::learning::training::cluster::page::{ClusterFacts, report};
use common::learning::training::cluster::{ClusterOptions, TrainedClusters, train as train_clusters};
use common::storage::registry::Champions;
use common::{Error, Result, feed};
use serde_json::{Value, json};

use crate::load::Loaded;
use crate::models::Models;
use crate::publish::{self, Publication};
use crate::report::ModelReport;
use crate::training::Job;

/// Name of the model.
const MODEL: &str = CLUSTERING.name;

/// A new clustering is promoted unless its silhouette is below that of the champion by more than this: it has seen the
/// newest ads, and samples differ by as much.
const TOLERANCE: f64 = 0.02;

/// The champion before a run.
struct Older {
    version: String,
    clusterer: JobClusterer,
}

/// Finds the clusters of the ads. They continue those of the champion.
///
/// # Errors
/// Errors of the models and of the store.
pub(crate) async fn train(job: &Job<'_>) -> Result<ModelReport> {
    if job.invocation.dry_run {
        return Ok(job.would_train(MODEL, None, job.loaded.ads.len() as u64));
    }
    let target = job.target(MODEL, None).await?;
    let older = older(job, &target.models, target.champions.as_ref()).await?;
    let options = ClusterOptions { seed: job.invocation.options.seed(), quick: job.invocation.options.quick };
    let facts = ClusterFacts {
        kind: MODEL.to_owned(),
        created_at: Utc::now(),
        champion: older.as_ref().map(|older| older.version.clone()),
        champion_labels: older
            .as_ref()
            .map(|older| older.clusterer.get_cluster_labels().to_vec())
            .unwrap_or_default(),
        ads: job.loaded.count.ads + job.loaded.count.without_embedding,
        without_vector: job.loaded.count.without_embedding,
        lineage: job.page_lineage(),
        ..ClusterFacts::default()
    };
    let train = move |loaded: &Loaded, observer: &dyn Observer| {
        let clusterer = older.as_ref().map(|older| &older.clusterer);
        let Some(trained) = train_clusters(&loaded.ads, options, clusterer, observer)? else {
            return Ok(None);
        };
        Ok(Some(publication(&loaded.ads, trained, older.as_ref(), facts)?))
    };
    job.train(target, train).await
}

/// The champion, if it can be read and is of the same embedding space.
async fn older(job: &Job<'_>, models: &Models<'_>, champions: Option<&Champions>) -> Result<Option<Older>> {
    let Some(version) = champions.and_then(|set| set.models.get(MODEL)) else { return Ok(None) };
    let space = champions.map(|set| set.embedding_space.as_str());
    if space != Some(job.identity.embedding_space.as_str()) {
        tracing::warn!(
            "the champion {MODEL}/{version} is of another embedding space: the clusters begin anew"
        );
        return Ok(None);
    }
    let read = match models.registry(MODEL).install(version, models.folder()).await {
        Ok(folder) => feed::blocking("reading the champion", move || JobClusterer::load(&folder)).await,
        Err(error) => Err(error),
    };
    match read {
        Ok(clusterer) => Ok(Some(Older { version: version.clone(), clusterer })),
        Err(error) => {
            tracing::warn!(
                "the champion {MODEL}/{version} cannot be read, and the clusters begin anew: {}",
                error.chain()
            );
            Ok(None)
        }
    }
}

/// Whether the new clusters are as far apart as the champion's on the same ads.
fn decide(ads: &[&Ad], trained: &TrainedClusters, older: Option<&Older>) -> Result<Decision> {
    let Some(Older { version, clusterer }) = older else {
        return Ok(Decision { promoted: true, reason: "there was no champion to continue".to_owned() });
    };
    let silhouette = |scores: Option<Silhouette>| scores.map_or(0.0, |silhouette| silhouette.value);
    let own = silhouette(trained.evidence.scores.silhouette);
    let before = silhouette(clusterer.evaluate(ads)?.silhouette);
    let kept = trained.matched.as_ref().map_or(0.0, |matched| matched.kept);
    Ok(Decision {
        promoted: own >= before - TOLERANCE,
        reason: format!(
            "silhouette {own:.3} against {before:.3} of {version} on the same ads; {:.1}% of the ads stay in their cluster",
            100.0 * kept
        ),
    })
}

fn publication(
    ads: &[Ad],
    trained: TrainedClusters,
    older: Option<&Older>,
    mut facts: ClusterFacts,
) -> Result<Publication<ClusteringBody>> {
    let fitted: Vec<&Ad> = trained.rows.iter().map(|row| &ads[*row as usize]).collect();
    let decision = decide(&fitted, &trained, older)?;
    let moments = || fitted.iter().map(|ad| ad.moment());
    let (from, to) = (moments().min().unwrap_or_default(), moments().max().unwrap_or_default());
    let config = &trained.clusterer.config;
    let mut features = vec!["embedding".to_owned()];
    if config.recipe.with_columns {
        features.extend(["classification", "work_type", "industry"].map(str::to_owned));
    }
    let feature_schema = schema_hash(&features);
    facts.lineage.trained_on = Some((from.date_naive(), to.date_naive()));
    facts.lineage.training_ads = fitted.len() as u64;
    facts.lineage.feature_schema_hash.clone_from(&feature_schema);
    let own = publish::Trained {
        recipe: serde_json::to_value(config.recipe)
            .map_err(|error| Error::internal("cannot serialize a recipe").caused_by(error))?,
        features,
        feature_schema,
        // Clusters are fitted to all ads; the held-out ones are in the evidence.
        cutoffs: Cutoffs { validation_from: to, test_from: to },
        rows_by_part: BTreeMap::from([("train".to_owned(), fitted.len() as u64)]),
        set_aside: BTreeMap::new(),
        compared_with: older.map(|older| older.version.clone()),
    };
    let (metrics, scores) = (headlines(&trained), scores(&trained));
    let mut page = report(ads, &trained, facts);
    let labels = trained.clusterer.get_cluster_labels();
    let clusters = labels
        .iter()
        .map(|label| Ok((id_of(label.id)?, label.name.clone())))
        .collect::<Result<BTreeMap<u16, String>>>()?;
    let clusterer = trained.clusterer;
    Ok(Publication {
        body: Box::new(move |training| ClusteringBody { clusters, training }),
        trained: own,
        rows: fitted.len() as u64,
        window: Window { from, to },
        metrics,
        scores,
        decision,
        trials: Vec::new(),
        save: Box::new(move |folder| clusterer.save(folder)),
        page: Box::new(move |version, decision| {
            version.clone_into(&mut page.version);
            page.decision = Some(publish::page_decision(decision));
            page.render()
        }),
    })
}

fn id_of(id: u32) -> Result<u16> {
    u16::try_from(id).map_err(|_| {
        Error::internal(format!(
            "invalid cluster id {id}: expected at most {}: train a first version anew",
            u16::MAX
        ))
    })
}

fn headlines(trained: &TrainedClusters) -> BTreeMap<String, f64> {
    let evidence = &trained.evidence;
    let smallest = trained.summaries.iter().map(|summary| summary.share).fold(1.0, f64::min);
    let held_out = evidence.judged.as_ref().and_then(|judged| judged.held_out.as_ref());
    let named = [
        (metrics::CLUSTERS, Some(trained.summaries.len() as f64)),
        (metrics::SMALLEST_SHARE, Some(smallest)),
        (metrics::SILHOUETTE, evidence.scores.silhouette.map(|silhouette| silhouette.value)),
        (metrics::NULL_SILHOUETTE, evidence.null.map(|silhouette| silhouette.value)),
        (
            metrics::HELD_OUT_SILHOUETTE,
            held_out.and_then(|held| held.scores.silhouette).map(|silhouette| silhouette.value),
        ),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn scores(trained: &TrainedClusters) -> Value {
    json!({
        "chosen": { "recipe": trained.clusterer.config.recipe },
        "evidence": trained.evidence,
        "clusters": trained.summaries,
        "kept": trained.matched.as_ref().map(|matched| matched.kept),
        "changes": trained.matched.as_ref().map(|matched| &matched.changes),
    })
}
