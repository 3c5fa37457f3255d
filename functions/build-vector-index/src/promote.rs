//! Promotes a published version: an earlier champion, or a version that was never promoted.

use std::time::Instant;

use common::feed;
use common::index::manifest::{KIND, embedding_space};
use common::runtime::{Invocation, Run};
use common::storage::{Access, Registry};
use common::{Error, Result};

use crate::context::BuildVectorIndex;
use crate::options::Options;
use crate::published::{champion, open, refuse_empty};
use crate::report::{Outcome, Report};

/// Makes `version` the champion if it can be served. Needs no warehouse, so that it also works while the warehouse
/// is unavailable; the run is recorded if possible.
pub(crate) async fn run(
    context: &BuildVectorIndex,
    invocation: &Invocation<Options>,
    version: &str,
) -> Result<Report> {
    let promoted = feed::caught_async("promoting", promote(context, invocation, version)).await;
    if invocation.dry_run {
        return promoted;
    }
    let warehouse = context.storage.warehouse(Access::Write).await;
    let begun = match &warehouse {
        Ok(warehouse) => Run::of(crate::FUNCTION, invocation).begin(warehouse.as_ref()).await,
        Err(error) => Err(Error::new(error.kind(), error.chain())),
    };
    match begun {
        Ok(begun) => begun.recorded(async { promoted }).await,
        Err(error) => {
            tracing::warn!("cannot record this run: {}", error.chain());
            promoted
        }
    }
}

async fn promote(
    context: &BuildVectorIndex,
    invocation: &Invocation<Options>,
    version: &str,
) -> Result<Report> {
    let started = Instant::now();
    let registry = Registry::new(context.storage.artifacts()?, KIND, "indexes");
    let versions = registry.versions().await?;
    let newest = versions.last().cloned().unwrap_or_default();
    if !versions.iter().any(|known| known == version) {
        let published = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
        return Err(Error::not_found(format!(
            "there is no index {version:?} to promote; published: {published}"
        ))
        .for_caller());
    }
    let champion = champion(&registry).await?;
    let index = open(&registry, version, &context.settings.index.index_dir).await?;
    if index.manifest().rows == 0 && !invocation.options.allow_empty {
        refuse_empty(&registry, champion.as_ref(), &format!("{version} has no ads")).await?;
    }
    let mut report = Report {
        outcome: Outcome::Unchanged,
        champion: champion.as_ref().map(|champion| champion.version.clone()),
        published: None,
        embeddings: None,
        embedding_space: embedding_space(index.manifest()).to_owned(),
        timestamps_out_of_range: 0,
        index: Some(index.manifest().into()),
        removed_versions: Vec::new(),
        warehouse_index: None,
        seconds: 0.0,
        interrupted: false,
    };
    if report.champion.as_deref() != Some(version) {
        report.outcome = Outcome::WouldPromote;
        if !invocation.dry_run {
            registry.roll_back(version, &newest, champion.as_ref()).await?;
            tracing::warn!(
                "{version} was built at {}: ads that were taken down since then are served again",
                index.manifest().created_at.format("%F %T UTC")
            );
            report.champion = Some(version.to_owned());
            report.outcome = Outcome::Promoted;
        }
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}
