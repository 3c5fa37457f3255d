//! The manifests of models: what all models have, the bodies of each kind, their metrics, and their names in the registry.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common_core::artifact::{self, Body, Kind};
use common_core::pay::{Currency, SGD};
use common_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Salary models among the artifacts.
pub const SALARY_PREDICTOR: Kind = kind("salary_predictor", 1);
/// Role classifiers among the artifacts.
pub const ROLE_CLASSIFIER: Kind = kind("role_classifier", 2);
/// Clusterings among the artifacts.
pub const CLUSTERING: Kind = kind("clustering", 2);

const fn kind(name: &'static str, format: u32) -> Kind {
    Kind { name, format, oldest_format: format, built_by: "train-models" }
}

/// A model's manifest. Its rows are the ads that the published model was fitted to; its metrics are those of
/// [`metrics`] that could be measured.
pub type Manifest<T> = artifact::Manifest<T>;

/// Names of metrics. Amounts are per month in the currency of the model, shares are from 0 to 1.
pub mod metrics {
    /// Mean absolute error on the walk-forward folds together.
    pub const WALK_FORWARD_MAE: &str = "walk_forward_mae_per_month";
    /// Lower end of its 95% bootstrap interval.
    pub const WALK_FORWARD_MAE_LOW: &str = "walk_forward_mae_per_month_low";
    /// Upper end of its 95% bootstrap interval.
    pub const WALK_FORWARD_MAE_HIGH: &str = "walk_forward_mae_per_month_high";
    /// R² on the walk-forward folds together.
    pub const WALK_FORWARD_R2: &str = "walk_forward_r2";
    /// Mean absolute error on the test window.
    pub const TEST_MAE: &str = "test_mae_per_month";
    /// Root of the mean squared error on the test window.
    pub const TEST_RMSE: &str = "test_rmse_per_month";
    /// R² on the test window.
    pub const TEST_R2: &str = "test_r2";
    /// Mean absolute error as a share of the salary, on the test window.
    pub const TEST_MAPE: &str = "test_mape";
    /// Median absolute error as a share of the salary, on the test window.
    pub const TEST_MEDIAN_APE: &str = "test_median_ape";
    /// Share of walk-forward salaries inside the 90% interval.
    pub const COVERAGE_90: &str = "coverage_90";
    /// Median of upper end divided by lower end of the 90% interval.
    pub const INTERVAL_RATIO: &str = "interval_ratio";
    /// Expected calibration error of `salary_confidence`.
    pub const CONFIDENCE_ERROR: &str = "confidence_calibration_error";
    /// Time of the training, in seconds.
    pub const SECONDS: &str = "training_seconds";

    /// Macro-F1 of the class on the walk-forward folds together.
    pub const WALK_FORWARD_MACRO_F1: &str = "walk_forward_macro_f1";
    /// Share of walk-forward ads whose class is among the three most probable.
    pub const WALK_FORWARD_TOP_3: &str = "walk_forward_top_3";
    /// Macro-F1 of the class on the test window.
    pub const TEST_MACRO_F1: &str = "test_macro_f1";
    /// Share of test ads whose class is among the three most probable.
    pub const TEST_TOP_3: &str = "test_top_3";
    /// Expected calibration error of the probability of the class, on the walk-forward folds together.
    pub const ROLE_CALIBRATION_ERROR: &str = "role_calibration_error";

    /// Number of clusters.
    pub const CLUSTERS: &str = "clusters";
    /// Share of the smallest cluster.
    pub const SMALLEST_SHARE: &str = "smallest_cluster_share";
    /// Silhouette of the training ads in the space of the clusters.
    pub const SILHOUETTE: &str = "silhouette";
    /// The same of structureless data with the same covariance.
    pub const NULL_SILHOUETTE: &str = "null_silhouette";
    /// Silhouette of ads that the clustering was not fitted to.
    pub const HELD_OUT_SILHOUETTE: &str = "held_out_silhouette";

    /// The metrics that lists and comparisons show first, of all kinds.
    pub const HEADLINES: [&str; 17] = [
        WALK_FORWARD_MAE,
        WALK_FORWARD_R2,
        TEST_MAE,
        TEST_RMSE,
        TEST_R2,
        COVERAGE_90,
        INTERVAL_RATIO,
        WALK_FORWARD_MACRO_F1,
        WALK_FORWARD_TOP_3,
        TEST_MACRO_F1,
        TEST_TOP_3,
        ROLE_CALIBRATION_ERROR,
        CLUSTERS,
        SMALLEST_SHARE,
        SILHOUETTE,
        NULL_SILHOUETTE,
        HELD_OUT_SILHOUETTE,
    ];
}

/// What the manifest of every model says about its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// Models and parameters: what is fitted again to compare a later recipe with this one.
    pub recipe: Value,
    /// Names of the columns that the model reads, in order.
    pub features: Vec<String>,
    /// Hash of the names and kinds of these columns.
    pub feature_schema: String,
    /// Version of the model that computed the vectors. `None` if the model reads no vectors.
    pub embedding_model_version: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// The latest moment of an ad that the published model was fitted to.
    pub trained_until: DateTime<Utc>,
    /// The limits between the parts that the recipe was judged on.
    pub cutoffs: Cutoffs,
    /// Ads in each part, for example `train`, `validation`, `test`.
    pub rows_by_part: BTreeMap<String, u64>,
    /// Ads that were not used although they state what is predicted, by reason.
    pub set_aside: BTreeMap<String, u64>,
    /// What it was trained from and compared with.
    pub lineage: Lineage,
}

/// The part of a manifest that is specific to a salary model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SalaryBody {
    /// Code of the currency that the model predicts.
    pub currency: String,
    /// Its training.
    #[serde(flatten)]
    pub training: TrainingFacts,
}

/// The part of a manifest that is specific to a role classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleBody {
    /// The classes that the model predicts, in the order of its probabilities.
    pub classes: Vec<String>,
    /// Its training.
    #[serde(flatten)]
    pub training: TrainingFacts,
}

/// The part of a manifest that is specific to a clustering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusteringBody {
    /// Names of the clusters by id.
    pub clusters: BTreeMap<u16, String>,
    /// Its training.
    #[serde(flatten)]
    pub training: TrainingFacts,
}

/// The limits between the parts of a split by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutoffs {
    /// The first moment of validation; earlier ads are trained on.
    pub validation_from: DateTime<Utc>,
    /// The first moment of the test window.
    pub test_from: DateTime<Utc>,
}

/// What a model was trained from and compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The run that trained it.
    pub run_id: String,
    /// Location of the warehouse.
    pub warehouse: String,
    /// Hash of the keys, texts and salaries of all ads that the run read.
    pub data: String,
    /// The champion whose recipe it was compared with, for example `v3`. `None` if there was none.
    pub compared_with: Option<String>,
}

impl Body for SalaryBody {
    const KIND: Kind = SALARY_PREDICTOR;

    fn check(manifest: &Manifest<Self>) -> Result<()> {
        let currency = &manifest.body.currency;
        if !matches!(Currency::read(Some(currency)), Currency::Known(code) if code == currency) {
            return refuse(format!("invalid currency {currency:?}: expected a code such as {SGD}"));
        }
        check(manifest, &manifest.body.training)
    }
}

impl Body for RoleBody {
    const KIND: Kind = ROLE_CLASSIFIER;

    fn check(manifest: &Manifest<Self>) -> Result<()> {
        if manifest.body.classes.is_empty() {
            return refuse("invalid classes: expected at least one".to_owned());
        }
        check(manifest, &manifest.body.training)
    }
}

impl Body for ClusteringBody {
    const KIND: Kind = CLUSTERING;

    fn check(manifest: &Manifest<Self>) -> Result<()> {
        if manifest.body.clusters.is_empty() {
            return refuse("invalid clusters: expected at least one".to_owned());
        }
        check(manifest, &manifest.body.training)
    }
}

fn refuse(sentence: String) -> Result<()> {
    Err(Error::corrupt(sentence))
}

/// Refuses values that contradict each other.
fn check<T>(manifest: &Manifest<T>, training: &TrainingFacts) -> Result<()> {
    let Cutoffs { validation_from, test_from } = training.cutoffs;
    if test_from < validation_from {
        return refuse(format!(
            "invalid test_from {test_from}: expected a moment from {validation_from} on, where validation begins"
        ));
    }
    if training.embedding_model_version.is_some() != manifest.provenance.embedding_space.is_some() {
        return refuse(
            "invalid embedding_model_version: expected one exactly if the model has an embedding_space"
                .to_owned(),
        );
    }
    if manifest.rows == 0 {
        return refuse("invalid rows 0: expected the ads that the model was fitted to".to_owned());
    }
    Ok(())
}

/// The kind of the model with this name; `None` if it is not the name of a model.
pub fn kind_of(name: &str) -> Option<Kind> {
    let others = [ROLE_CLASSIFIER, CLUSTERING].into_iter().find(|kind| kind.name == name);
    others.or_else(|| currency_of(name).map(|_| SALARY_PREDICTOR))
}

/// The name of the salary model of a currency: `salary_predictor` for SGD, otherwise with the code, as in
/// `salary_predictor_gbp`.
pub fn model_name(currency: &str) -> String {
    if currency == SGD {
        return SALARY_PREDICTOR.name.to_owned();
    }
    format!("{}_{}", SALARY_PREDICTOR.name, currency.to_lowercase())
}

/// The currency of the salary model with this name; `None` if it is not the name of a salary model.
pub fn currency_of(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix(SALARY_PREDICTOR.name)?;
    if rest.is_empty() {
        return Some(SGD);
    }
    let code = rest.strip_prefix('_')?;
    if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    match Currency::read(Some(code)) {
        Currency::Known(known) if model_name(known) == name => Some(known),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use common_core::ErrorKind;
    use common_core::artifact::Provenance;
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest<SalaryBody> {
        let at = |day: i64| DateTime::from_timestamp(day * 86_400, 0).unwrap();
        Manifest {
            kind: SALARY_PREDICTOR.name.to_owned(),
            format: SALARY_PREDICTOR.format,
            version: "v1".to_owned(),
            created_at: at(20_000),
            provenance: Provenance {
                code_version: "0.1.0".to_owned(),
                embedding_space: Some("model/weights/t1".to_owned()),
                window: None,
            },
            rows: 900,
            metrics: BTreeMap::from([(metrics::TEST_R2.to_owned(), 0.6)]),
            decision: None,
            files: BTreeMap::new(),
            body: SalaryBody {
                currency: "GBP".to_owned(),
                training: TrainingFacts {
                    recipe: json!({ "ridge": { "alpha": 3.0 } }),
                    features: vec!["title_length".to_owned()],
                    feature_schema: "00".to_owned(),
                    embedding_model_version: Some("model/weights/t1/fp32/cpu/g1".to_owned()),
                    seed: 42,
                    trained_until: at(19_990),
                    cutoffs: Cutoffs { validation_from: at(19_900), test_from: at(19_950) },
                    rows_by_part: BTreeMap::from([("train".to_owned(), 700)]),
                    set_aside: BTreeMap::from([("annual figure".to_owned(), 3)]),
                    lineage: Lineage::default(),
                },
            },
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let written = serde_json::to_vec(&manifest()).unwrap();
        assert_eq!(Manifest::parse(&written, "v1").unwrap(), manifest());
    }

    #[test]
    fn values_that_contradict_each_other_are_refused() {
        type Change = fn(&mut Manifest<SalaryBody>);
        let changes: [(&str, Change); 5] = [
            ("invalid currency \"gbp\"", |manifest| manifest.body.currency = "gbp".to_owned()),
            ("invalid currency \"POUND\"", |manifest| manifest.body.currency = "POUND".to_owned()),
            ("invalid test_from", |manifest| {
                manifest.body.training.cutoffs.test_from = DateTime::from_timestamp(0, 0).unwrap();
            }),
            ("invalid embedding_model_version", |manifest| manifest.provenance.embedding_space = None),
            ("invalid rows 0", |manifest| manifest.rows = 0),
        ];
        for (expected, change) in changes {
            let mut altered = manifest();
            change(&mut altered);
            let error =
                Manifest::<SalaryBody>::parse(&serde_json::to_vec(&altered).unwrap(), "v1").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_name_and_its_currency_are_converted_into_each_other() {
        for (currency, name) in [("SGD", "salary_predictor"), ("GBP", "salary_predictor_gbp")] {
            assert_eq!((model_name(currency).as_str(), currency_of(name)), (name, Some(currency)));
        }
        for other in [
            "salary_predictor_sgd",
            "salary_predictor_",
            "salary_predictor_rm",
            "salary_predictor_GBP",
            "salary_predictorgbp",
            "role_classifier",
            "",
        ] {
            assert_eq!(currency_of(other), None, "{other}");
        }
        let kinds = ["salary_predictor_gbp", "role_classifier", "clustering", "clusterings"].map(kind_of);
        assert_eq!(kinds, [Some(SALARY_PREDICTOR), Some(ROLE_CLASSIFIER), Some(CLUSTERING), None]);
    }
}
