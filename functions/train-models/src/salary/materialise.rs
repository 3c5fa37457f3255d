//! Writes the features of every ad to `ml_features`, as the models of this run see them.

use std::path::PathBuf;
use std::sync::Arc;

use common::learning::Ad;
use common::learning::features::AdTable;
use common::learning::features::pay_columns::{PAY, PayColumns};
use common::learning::features::schema::schema_hash;
use common::learning::models::predictor::SalaryPredictor;
use common::runtime::Invocation;
use common::storage::Warehouse;
use common::storage::warehouse::{FeatureRow, FeatureSet, Features};
use common::{Error, Result, feed};
use futures::StreamExt;

use crate::load::Loaded;
use crate::options::Options;

/// Ads that are transformed at a time.
const CHUNK: usize = 2_000;

/// The models whose features are written: currency and folder.
pub(super) type Trained = Vec<(String, PathBuf)>;

/// Replaces `ml_features` by the features of the ads of the trained currencies. Returns the number of rows.
///
/// # Errors
/// `InvalidInput` if two models read different features; errors of the warehouse.
pub(super) async fn write(
    warehouse: &dyn Warehouse,
    invocation: &Invocation<Options>,
    loaded: &Arc<Loaded>,
    trained: Trained,
) -> Result<u64> {
    let features: &dyn Features = warehouse;
    let mut models = Vec::new();
    for (currency, folder) in trained {
        let predictor = feed::blocking("reading a model", move || SalaryPredictor::load(&folder)).await?;
        models.push((currency, Arc::new(predictor)));
    }
    let Some((_, first)) = models.first() else { return Ok(0) };
    let names = names(first);
    if models.iter().any(|(_, model)| self::names(model) != names) {
        return Err(Error::invalid_input(
            "the models of two currencies read different features: choose one for --materialise with --currency",
        ));
    }
    let set = FeatureSet { as_of: invocation.started_at, feature_schema: schema_hash(&names) };
    let mut chunks = Vec::new();
    for (currency, model) in models {
        let places: Vec<usize> =
            (0..loaded.ads.len()).filter(|at| loaded.ads[*at].currency == currency).collect();
        let fitted: Vec<&Ad> = places.iter().map(|at| &loaded.ads[*at]).collect();
        let pay = PayColumns::fit(&fitted);
        for chunk in places.chunks(CHUNK) {
            chunks.push((Arc::clone(&model), pay.clone(), chunk.to_vec()));
        }
    }
    let loaded = Arc::clone(loaded);
    let rows = futures::stream::iter(chunks).then(move |(model, pay, places)| {
        let loaded = Arc::clone(&loaded);
        feed::blocking("computing features", move || rows(&loaded, &model, &pay, &places))
    });
    features.write_features(set, rows.boxed()).await
}

/// Names of the features in a row of `ml_features`.
fn names(predictor: &SalaryPredictor) -> Vec<String> {
    let mut names = predictor.stack.transformers.names();
    names.extend(PAY.iter().map(|feature| feature.name.to_owned()));
    names
}

fn rows(
    loaded: &Loaded,
    predictor: &SalaryPredictor,
    pay: &PayColumns,
    places: &[usize],
) -> Result<Vec<FeatureRow>> {
    let ads: Vec<&Ad> = places.iter().map(|at| &loaded.ads[*at]).collect();
    let table = AdTable::new(&ads, 1);
    let all: Vec<u32> = (0..ads.len() as u32).collect();
    let columns = predictor.stack.transformers.transform(&table, &all)?.columns;
    let width = predictor.stack.transformers.names().len();
    let row = |(ad, columns): (&&Ad, &[f32])| {
        let features = columns.iter().copied().chain(pay.transform(ad)).map(f64::from).collect();
        FeatureRow { key: ad.key(), features }
    };
    Ok(ads.iter().zip(columns.chunks_exact(width)).map(row).collect())
}
