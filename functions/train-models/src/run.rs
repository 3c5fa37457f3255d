//! One run: training, or a command on published models.

use std::collections::BTreeMap;
use std::time::Instant;

use common::feed;
use common::runtime::{Invocation, Run};
use common::storage::Access;
use common::{Error, Result};

use crate::context::TrainModels;
use crate::diff::Difference;
use crate::models::{Models, Promotion, Version};
use crate::options::{Command, Options};
use crate::report::{Outcome, Report};

/// Runs the command that the options select.
pub(crate) async fn run(context: &TrainModels, invocation: &Invocation<Options>) -> Result<Report> {
    match invocation.options.command()? {
        Command::Train => train(context, invocation).await,
        Command::List => context.list().await,
        Command::Show(version) => context.show(&version).await,
        Command::Diff(versions) => context.diff(&versions).await,
        Command::Promote(versions) => {
            let work = context.promote(&versions, invocation.dry_run);
            recorded_if_possible(context, invocation, work).await
        }
        Command::RollBack(model) => {
            let work = context.roll_back(&model, invocation.dry_run);
            recorded_if_possible(context, invocation, work).await
        }
    }
}

async fn train(context: &TrainModels, invocation: &Invocation<Options>) -> Result<Report> {
    let started = Instant::now();
    let access = if invocation.dry_run { Access::Read } else { Access::Write };
    let warehouse = context.storage.warehouse(access).await?;
    let work = Box::pin(async {
        let models = Box::pin(crate::training::run(context, invocation, warehouse.as_ref())).await?;
        let champions = context.models()?.champions().await?;
        Ok(Report::trained(models, champions.as_ref(), started))
    });
    if invocation.dry_run {
        return work.await;
    }
    Run::of(crate::FUNCTION, invocation).recorded(warehouse.as_ref(), work).await
}

/// Does `work`, which needs no warehouse, so that it also works while the warehouse is unavailable; the run is
/// recorded if possible.
async fn recorded_if_possible(
    context: &TrainModels,
    invocation: &Invocation<Options>,
    work: impl Future<Output = Result<Report>>,
) -> Result<Report> {
    let outcome = feed::caught_async("promoting", work).await;
    if invocation.dry_run {
        return outcome;
    }
    let warehouse = context.storage.warehouse(Access::Write).await;
    let begun = match &warehouse {
        Ok(warehouse) => Run::of(crate::FUNCTION, invocation).begin(warehouse.as_ref()).await,
        Err(error) => Err(Error::new(error.kind(), error.chain())),
    };
    match begun {
        Ok(begun) => begun.recorded(async { outcome }).await,
        Err(error) => {
            tracing::warn!("cannot record this run: {}", error.chain());
            outcome
        }
    }
}

impl TrainModels {
    /// The published models.
    ///
    /// # Errors
    /// `Configuration` if this build has no artifact store for the setting.
    pub(crate) fn models(&self) -> Result<Models<'_>> {
        Ok(Models::new(self.storage.artifacts()?, &self.settings.training.training_dir))
    }

    async fn list(&self) -> Result<Report> {
        let started = Instant::now();
        let models = self.models()?;
        let versions = models.list().await?;
        let champions = models.champions().await?;
        Ok(Report { versions: Some(versions), ..Report::new(Outcome::Read, champions.as_ref(), started) })
    }

    async fn show(&self, version: &Version) -> Result<Report> {
        let started = Instant::now();
        let models = self.models()?;
        let manifest = serde_json::to_value(models.manifest(version).await?)
            .map_err(|error| Error::internal("cannot serialize a manifest").caused_by(error))?;
        let champions = models.champions().await?;
        Ok(Report { manifest: Some(manifest), ..Report::new(Outcome::Read, champions.as_ref(), started) })
    }

    async fn diff(&self, versions: &[Version; 2]) -> Result<Report> {
        let started = Instant::now();
        let models = self.models()?;
        let manifests = [models.manifest(&versions[0]).await?, models.manifest(&versions[1]).await?];
        let difference = Difference::of(versions, &manifests)?;
        let champions = models.champions().await?;
        let report = Report::new(Outcome::Read, champions.as_ref(), started);
        Ok(Report { difference: Some(difference), ..report })
    }

    async fn roll_back(&self, model: &str, is_dry_run: bool) -> Result<Report> {
        let version = self.models()?.earlier(model).await?;
        self.promote(&[version], is_dry_run).await
    }

    async fn promote(&self, versions: &[Version], is_dry_run: bool) -> Result<Report> {
        let started = Instant::now();
        let Promotion { before, after, is_change } = self.models()?.promote(versions, is_dry_run).await?;
        let outcome = match (is_change, is_dry_run) {
            (false, _) => Outcome::Unchanged,
            (true, true) => Outcome::WouldPromote,
            (true, false) => Outcome::Promoted,
        };
        let replaced: BTreeMap<String, Option<String>> = versions
            .iter()
            .map(|version| {
                let earlier = before.as_ref().and_then(|set| set.models.get(&version.model)).cloned();
                (version.model.clone(), earlier)
            })
            .filter(|(model, earlier)| after.models.get(model) != earlier.as_ref())
            .collect();
        let champions = if is_dry_run { before } else { Some(after) };
        Ok(Report { replaced, ..Report::new(outcome, champions.as_ref(), started) })
    }
}
