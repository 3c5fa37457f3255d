//! `train-models`: published models, and the commands on them.

mod commands;
mod families;
mod promotion;
mod salary;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common::artifact::{Decision, FileFacts, Provenance};
use common::learning::manifest::{
    Cutoffs, Lineage, Manifest, SALARY_PREDICTOR, SalaryBody, TrainingFacts, currency_of, metrics,
};
use common::storage::Registry;
use serde_json::{Value, json};

use crate::support::{Ended, Market};

const SALARY: &str = "salary_predictor";
const POUNDS: &str = "salary_predictor_gbp";
const SPACE: &str = "model/weights/t1";
const ANOTHER: &str = "model/other weights/t1";

/// A model to publish.
struct Model {
    name: &'static str,
    space: &'static str,
    r2: f64,
    alpha: f64,
    features: Vec<&'static str>,
}

impl Model {
    fn of(name: &'static str) -> Self {
        Self { name, space: SPACE, r2: 0.5, alpha: 3.0, features: vec!["title_length", "is_weekend_post"] }
    }

    fn in_space(mut self, space: &'static str) -> Self {
        self.space = space;
        self
    }

    fn manifest(&self, version: &str, data: FileFacts) -> Manifest<SalaryBody> {
        let at = |day: i64| DateTime::from_timestamp(day * 86_400, 0).expect("a day");
        Manifest {
            kind: SALARY_PREDICTOR.name.to_owned(),
            format: SALARY_PREDICTOR.format,
            version: version.to_owned(),
            created_at: Utc::now(),
            provenance: Provenance {
                code_version: "0.1.0".to_owned(),
                embedding_space: Some(self.space.to_owned()),
                window: None,
            },
            rows: 900,
            metrics: BTreeMap::from([
                (metrics::TEST_R2.to_owned(), self.r2),
                (metrics::TEST_MAE.to_owned(), 1000.0),
                (metrics::SECONDS.to_owned(), 60.0),
            ]),
            decision: Some(Decision { promoted: true, reason: "there was no champion".to_owned() }),
            files: BTreeMap::from([("model.bin".to_owned(), data)]),
            body: SalaryBody {
                currency: currency_of(self.name).expect("a salary model").to_owned(),
                training: TrainingFacts {
                    recipe: json!({ "ridge": { "alpha": self.alpha }, "seeds": 3 }),
                    features: self.features.iter().map(|name| (*name).to_owned()).collect(),
                    feature_schema: self.features.join(" "),
                    embedding_model_version: Some(format!("{}/fp32/cpu", self.space)),
                    seed: 42,
                    trained_until: at(20_000),
                    cutoffs: Cutoffs { validation_from: at(19_900), test_from: at(19_950) },
                    rows_by_part: BTreeMap::from([("train".to_owned(), 700)]),
                    set_aside: BTreeMap::from([("annual figure".to_owned(), 3)]),
                    lineage: Lineage::default(),
                },
            },
        }
    }
}

impl Market {
    /// The versions of a model.
    fn models(&self, name: &str) -> Registry {
        Registry::new(self.artifacts(), SALARY_PREDICTOR, &format!("models/{name}"))
    }

    /// Publishes a model, and returns its version.
    async fn publish(&self, model: &Model) -> String {
        let (registry, folder) = (self.models(model.name), tempfile::tempdir().expect("a folder"));
        let version = registry.claim().await.expect("a claim");
        let file = folder.path().join("model.bin");
        std::fs::write(&file, format!("{} {version}", model.name)).expect("a file");
        let facts = FileFacts::of(&file).expect("its facts");
        model.manifest(&version, facts).write(folder.path()).expect("a manifest");
        registry.publish(&version, folder.path()).await.expect("a version");
        version
    }

    /// Runs `train-models` once.
    fn train(&self, arguments: &[&str]) -> Ended {
        self.run("train-models", &[&["--once"], arguments].concat())
    }

    /// Runs `train-models`, which must succeed, and returns the report.
    fn trained(&self, arguments: &[&str]) -> Value {
        let ended = self.train(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.answer()["report"].clone()
    }

    /// Runs `train-models`, which must fail with this exit code and with words in its error.
    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let ended = self.train(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {ended:?}");
        let error = ended.stderr.lines().last().unwrap_or_default();
        assert!(words.iter().all(|word| error.contains(word)), "{arguments:?}: {words:?} not in {error}");
    }
}
