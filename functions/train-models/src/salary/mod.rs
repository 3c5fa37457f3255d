//! Training of salary models: one for each currency.
//!
//! - [`champion`]: the model that is served before the run
//! - [`publication`]: what is published of a trained model; [`scores`]: its metrics
//! - [`materialise`]: the features of every ad, for the warehouse
//! - [`export`]: folds and predictions, for other programs

mod champion;
mod export;
mod materialise;
mod publication;
mod scores;

use std::collections::BTreeMap;

use common::learning::manifest::model_name;
use common::learning::models::stack::StackRecipe;
use common::learning::models::xgboost::Xgboost;
use common::learning::training;
use common::learning::training::market::{MIN_SALARIES, Market, currencies};
use common::storage::Warehouse;
use common::{Error, ErrorKind, Result, feed};

use crate::load::Loaded;
use crate::options::Options;
use crate::report::{ModelOutcome, ModelReport};
use crate::training::Job;
use crate::workspace::Workspace;
use champion::Champion;

/// Trials of a quick training.
const QUICK_TRIALS: usize = 0;

/// Number of ads with a salary in the currencies that no model is trained for.
///
/// # Errors
/// `InvalidInput` for a text that is not a currency.
pub(crate) fn left_out(options: &Options, loaded: &Loaded) -> Result<BTreeMap<String, u64>> {
    let mut counts = currencies(&loaded.ads);
    if let Some(currency) = options.currency()? {
        counts.remove(currency);
    } else {
        counts.retain(|_, ads| *ads < MIN_SALARIES as u64);
    }
    Ok(counts)
}

/// Trains the salary models that the options select.
///
/// # Errors
/// `NotFound` if there are too few salaries; `InvalidInput` if a feature contains the salary; errors of the warehouse and
/// of the store.
pub(crate) async fn train(job: &Job<'_>, warehouse: &dyn Warehouse) -> Result<Vec<ModelReport>> {
    let mut reports = Vec::new();
    for currency in chosen(&job.invocation.options, &currencies(&job.loaded.ads))? {
        let report = Box::pin(train_currency(job, &currency)).await?;
        let is_interrupted = report.outcome == ModelOutcome::Interrupted;
        reports.push(report);
        if is_interrupted {
            return Ok(reports);
        }
    }
    if job.invocation.options.materialise && !job.invocation.dry_run {
        let folder = |report: &ModelReport| Some((report.currency.clone()?, report.report_folder.clone()?));
        let trained = reports.iter().filter_map(folder).collect();
        let rows = materialise::write(warehouse, job.invocation, &job.loaded, trained).await?;
        tracing::info!(rows, "the features are in ml_features");
    }
    Ok(reports)
}

async fn train_currency(job: &Job<'_>, currency: &str) -> Result<ModelReport> {
    let (model, name) = (model_name(currency), currency.to_owned());
    if job.invocation.dry_run {
        let loaded = std::sync::Arc::clone(&job.loaded);
        let (rows, set_aside) = feed::blocking("reading ads", move || {
            let market = Market::new(&loaded.ads, &name)?;
            Ok((market.ads.len() as u64, market.set_aside))
        })
        .await?;
        return Ok(ModelReport { set_aside, ..job.would_train(&model, Some(currency), rows) });
    }
    let target = job.target(&model, Some(currency)).await?;
    let champion = Champion::load(&target.models, &model, target.champions.as_ref()).await?;
    let options = job.salary_options(&target.workspace)?;
    let facts = job.salary_facts(&model, champion.as_ref());
    let recipe: Option<StackRecipe> = champion.as_ref().and_then(|champion| champion.recipe.clone());
    let stored = champion.and_then(|champion| champion.predictor);
    let folder = job.invocation.options.export_folds.clone();
    let train = move |loaded: &Loaded, observer: &dyn training::Observer| {
        let market = Market::new(&loaded.ads, &name)?;
        let Some(trained) = training::salary::train(&market, &options, recipe.as_ref(), observer)? else {
            return Ok(None);
        };
        if let Some(folder) = &folder {
            export::write(folder, &market, &trained, &options)?;
        }
        Ok(Some(publication::publication(&market, trained, facts, stored.as_ref())?))
    };
    job.train(target, train).await
}

/// The currencies to train: the one that was asked for, or those with enough salaries.
fn chosen(options: &Options, salaries: &BTreeMap<String, u64>) -> Result<Vec<String>> {
    if let Some(currency) = options.currency()? {
        return Ok(vec![currency.to_owned()]);
    }
    let enough = salaries.iter().filter(|(_, ads)| **ads >= MIN_SALARIES as u64);
    let chosen: Vec<String> = enough.map(|(currency, _)| currency.clone()).collect();
    if chosen.is_empty() {
        let known: Vec<String> =
            salaries.iter().map(|(currency, ads)| format!("{ads} in {currency}")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::not_found(format!(
            "too few salaries to train on: expected {MIN_SALARIES} in one currency, found {known}: load more ads with pay, or \
             choose a currency with --currency"
        )));
    }
    Ok(chosen)
}

impl Job<'_> {
    fn salary_options(&self, workspace: &Workspace) -> Result<training::Options> {
        let options = &self.invocation.options;
        let trials =
            if options.quick && options.trials.is_none() { QUICK_TRIALS } else { options.trials() as usize };
        Ok(training::Options {
            seed: options.seed(),
            threads: self.context.settings.training.threads.count(),
            trials,
            quick: options.quick,
            ablation: options.ablation,
            xgboost: self.xgboost()?,
            journal: workspace.journal.clone(),
        })
    }

    /// XGBoost, if its library is there. A quick training does not compare with it.
    fn xgboost(&self) -> Result<Option<Xgboost>> {
        if self.invocation.options.quick {
            return Ok(None);
        }
        match Xgboost::load(&self.context.settings.training.xgboost_dir) {
            Ok(library) => Ok(Some(library)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tracing::info!("no model is compared with XGBoost: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
