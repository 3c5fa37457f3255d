//! The report of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use common::learning::models::tuning::TrialResult;
use common::storage::registry::Champions;
use serde::Serialize;
use serde_json::Value;

use crate::diff::Difference;
use crate::experiments::TrackingState;
use crate::models::Published;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// The models that were trained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<ModelReport>,
    /// The champions after this run: version by model.
    pub(crate) champions: BTreeMap<String, String>,
    /// `--list`: the published versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) versions: Option<Vec<Published>>,
    /// `--show`: the manifest as it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Value>,
    /// `--diff`: how the versions differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) difference: Option<Difference>,
    /// `--promote`, `--rollback`: the champions that were replaced, by model; `null` for a model that had none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) replaced: BTreeMap<String, Option<String>>,
    pub(crate) seconds: f64,
    pub(crate) interrupted: bool,
}

/// Outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Models were trained; each has an outcome of its own.
    Trained,
    /// The run was stopped before it had trained every model.
    Interrupted,
    /// Published models were listed, shown or compared.
    Read,
    /// Published versions were made champions.
    Promoted,
    /// Dry run: the versions would be made champions.
    WouldPromote,
    /// The versions were champions already.
    Unchanged,
}

/// The report on one model of a training.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ModelReport {
    /// Name of the model, for example `salary_predictor_gbp`.
    pub(crate) kind: String,
    /// Code of the currency of a salary model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    pub(crate) outcome: ModelOutcome,
    /// The version that was published.
    pub(crate) version: Option<String>,
    /// Whether this version became the champion.
    pub(crate) promoted: bool,
    /// Why it was promoted or not, or why nothing was published.
    pub(crate) reason: String,
    /// Metrics by name; see the manifest of the model.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Trials of the search for parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trials: Vec<TrialResult>,
    /// Folder with the report page on this machine.
    pub(crate) report_folder: Option<PathBuf>,
    pub(crate) seconds: f64,
    /// Ads that the published model was fitted to.
    pub(crate) rows: u64,
    /// Ads that were not used although they state what is predicted, by reason.
    pub(crate) set_aside: BTreeMap<String, u64>,
    /// Ads of currencies that have too few salaries for a model, by currency.
    pub(crate) left_out_currencies: BTreeMap<String, u64>,
    /// Versions that were removed.
    pub(crate) removed_versions: Vec<String>,
    /// Whether the run is in the MLflow server.
    pub(crate) tracking: TrackingState,
}

/// Outcome of the training of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelOutcome {
    /// A new version was published.
    Published,
    /// Dry run: the model would be trained.
    WouldTrain,
    /// The training was stopped before a version was published.
    Interrupted,
    /// The ads do not suffice; the reason says for what.
    LeftOut,
}

impl ModelReport {
    /// The report on a model before it is trained.
    pub(crate) fn new(model: &str, currency: Option<&str>) -> Self {
        Self {
            kind: model.to_owned(),
            currency: currency.map(str::to_owned),
            outcome: ModelOutcome::Interrupted,
            version: None,
            promoted: false,
            reason: "the run was stopped".to_owned(),
            metrics: BTreeMap::new(),
            trials: Vec::new(),
            report_folder: None,
            seconds: 0.0,
            rows: 0,
            set_aside: BTreeMap::new(),
            left_out_currencies: BTreeMap::new(),
            removed_versions: Vec::new(),
            tracking: TrackingState::Off,
        }
    }
}

impl Report {
    /// A report without content.
    pub(crate) fn new(outcome: Outcome, champions: Option<&Champions>, started: Instant) -> Self {
        Self {
            outcome,
            models: Vec::new(),
            champions: champions.map(|set| set.models.clone()).unwrap_or_default(),
            versions: None,
            manifest: None,
            difference: None,
            replaced: BTreeMap::new(),
            seconds: started.elapsed().as_secs_f64(),
            interrupted: outcome == Outcome::Interrupted,
        }
    }

    /// The report of a training.
    pub(crate) fn trained(models: Vec<ModelReport>, champions: Option<&Champions>, started: Instant) -> Self {
        let is_interrupted = models.iter().any(|model| model.outcome == ModelOutcome::Interrupted);
        let outcome = if is_interrupted { Outcome::Interrupted } else { Outcome::Trained };
        Self { models, ..Self::new(outcome, champions, started) }
    }
}

impl common::runtime::Report for Report {
    fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}
