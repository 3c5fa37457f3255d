//! One run.

use std::sync::Arc;
use std::time::Instant;

use common::embedding::{self, Identity};
use common::prediction::ChampionVersions;
use common::runtime::{Invocation, Run};
use common::storage::warehouse::{AdSelection, EmbeddingTable, FeatureCount, PredictionScan};
use common::storage::{Access, Warehouse};
use common::{Error, Result};

use crate::asked;
use crate::context::BatchPredict;
use crate::options::{Ads, Options};
use crate::report::{Outcome, Report};
use crate::stream::{Done, Job};

/// Predicts the ads that the options select; see the documentation of the crate.
pub(crate) async fn run(context: &BatchPredict, invocation: &Invocation<Options>) -> Result<Report> {
    let ads = invocation.options.ads()?;
    let access = if invocation.dry_run { Access::Read } else { Access::Write };
    let warehouse = context.storage.warehouse(access).await?;
    let work = Box::pin(work(context, invocation, warehouse.as_ref(), &ads));
    if invocation.dry_run {
        return work.await;
    }
    Run::of(crate::FUNCTION, invocation).recorded(warehouse.as_ref(), work).await
}

async fn work(
    context: &BatchPredict,
    invocation: &Invocation<Options>,
    warehouse: &dyn Warehouse,
    ads: &Ads,
) -> Result<Report> {
    let started = Instant::now();
    let identity = embedding::identity(&context.settings.model)?;
    let champions = ChampionVersions::read(&context.storage.artifacts()?).await?;
    refuse_other_space(&champions, &identity)?;
    for kind in champions.missing() {
        tracing::warn!("{kind} has no champion: what it predicts is missing; train one with train-models");
    }
    let table = EmbeddingTable::of_model(&identity.model_name, identity.dimension);
    if !invocation.dry_run {
        warehouse.create_embeddings(&table).await?;
        warehouse.create_predictions().await?;
    }
    let count = count(warehouse, &table, &identity).await?;
    let selection = selection(warehouse, ads, &champions).await?;
    let scan = PredictionScan {
        embeddings: table,
        space: identity.embedding_space.clone(),
        shard: invocation.shard,
        selection,
    };
    let selected = warehouse.count_to_predict(&scan).await?;
    refuse_without_vectors(&scan.selection, selected, invocation)?;
    let (mut done, mut outcome) = (Done::default(), Outcome::Unchanged);
    if selected > 0 && invocation.dry_run {
        outcome = Outcome::WouldPredict;
    } else if selected > 0 {
        let job = Job {
            warehouse,
            models: context.models(&champions).await?,
            pool: Arc::clone(&context.pool),
            write_rows: warehouse.write_size().rows,
            seen_since: if let Ads::SeenSince(moment) = ads { Some(*moment) } else { None },
            invocation,
        };
        invocation.progress.start(selected, "ads");
        done = Box::pin(job.predict_all_new_jobs(&scan)).await?;
        invocation.progress.finish();
        outcome = Outcome::Predicted;
    }
    let is_cut = outcome == Outcome::Predicted && done.read < selected && !done.limit_reached;
    let interrupted = is_cut && invocation.shutdown.is_cancelled();
    if is_cut && !interrupted {
        refuse_fewer(warehouse, &scan, selected, &done).await?;
    }
    if done.without_masked_vector > 0 {
        tracing::warn!(
            ads = done.without_masked_vector,
            "ads that state pay have no vector of their masked text and are not predicted: run embed-new-jobs"
        );
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Report {
        outcome: if interrupted { Outcome::Interrupted } else { outcome },
        ads: count,
        selected,
        predicted: done.predicted,
        written: done.written,
        without_salary_model: done.without_salary_model,
        without_masked_vector: done.without_masked_vector,
        missing_champions: champions.missing(),
        champions: champions.names(),
        embedding_space: champions.embedding_space,
        shard: (invocation.shard.count > 1).then_some(invocation.shard),
        limit_reached: done.limit_reached,
        seconds,
        ads_per_second: done.predicted as f64 / seconds.max(f64::MIN_POSITIVE),
        interrupted,
    })
}

fn refuse_other_space(champions: &ChampionVersions, identity: &Identity) -> Result<()> {
    if champions.embedding_space == identity.embedding_space {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "the champions read vectors of {}, and EMBEDDING_MODEL makes {}: set EMBEDDING_MODEL to the other one, or run \
         embed-new-jobs and train-models with this one",
        champions.embedding_space, identity.embedding_space
    )))
}

/// Ads with and without a vector.
async fn count(
    warehouse: &dyn Warehouse,
    table: &EmbeddingTable,
    identity: &Identity,
) -> Result<FeatureCount> {
    let count = warehouse.count_features(table, &identity.embedding_space).await?;
    if count.without_embedding > 0 {
        tracing::warn!(
            ads = count.without_embedding,
            "ads without a vector are not predicted: run embed-new-jobs for them"
        );
    }
    Ok(count)
}

async fn selection(
    warehouse: &dyn Warehouse,
    ads: &Ads,
    champions: &ChampionVersions,
) -> Result<AdSelection> {
    Ok(match ads {
        Ads::New => AdSelection::Unpredicted(champions.versions.clone()),
        Ads::All | Ads::SeenSince(_) => AdSelection::All,
        Ads::Named(ids) => AdSelection::Keys(asked::keys(warehouse, ids).await?),
    })
}

/// Refuses to predict fewer ads than `--job-ids` names.
fn refuse_without_vectors(
    selection: &AdSelection,
    selected: u64,
    invocation: &Invocation<Options>,
) -> Result<()> {
    let AdSelection::Keys(keys) = selection else { return Ok(()) };
    let of_task = keys.iter().filter(|key| invocation.shard.contains(key)).count() as u64;
    if selected >= of_task {
        return Ok(());
    }
    Err(Error::not_found(format!(
        "{} of the {of_task} ads of --job-ids have no vector: run embed-new-jobs first",
        of_task - selected
    ))
    .for_caller())
}

/// Fails if a scan ended early. Ads that another process predicted or took down in the meantime need no prediction.
async fn refuse_fewer(
    warehouse: &dyn Warehouse,
    scan: &PredictionScan,
    selected: u64,
    done: &Done,
) -> Result<()> {
    let recounted = warehouse.count_to_predict(scan).await?;
    let expected = match scan.selection {
        AdSelection::Unpredicted(_) => done.without_masked_vector,
        AdSelection::All | AdSelection::Keys(_) => done.read,
    };
    if recounted <= expected {
        return Ok(());
    }
    Err(Error::internal(format!(
        "{selected} ads were to be predicted, and the scan ended after {}: run again for the rest",
        done.read
    )))
}
