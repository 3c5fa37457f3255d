//! The scores of a trained model: the headlines of its manifest, and everything for `metrics.json`.

use std::collections::BTreeMap;

use common::Result;
use common::learning::Ad;
use common::learning::evaluation::breakdown::{Slice, breakdown, salary_bands};
use common::learning::manifest::metrics;
use common::learning::training::judge::IntervalScores;
use common::learning::training::market::Market;
use common::learning::training::salary::Trained;
use serde_json::{Value, json};

/// Salary bands of the errors.
const BANDS: usize = 4;
/// Ads of a group of errors; smaller groups are one.
const MIN_GROUP: usize = 30;

/// Headlines by name, and all scores: the same for the same ads and seed.
///
/// # Errors
/// `Internal` if a prediction is not finite.
pub(super) fn scores(market: &Market<'_>, trained: &Trained) -> Result<(BTreeMap<String, f64>, Value)> {
    let intervals = IntervalScores::of(market, &trained.walk_forward)?;
    let scores = json!({
        "walk_forward": trained.walk_forward.scores,
        "walk_forward_against": trained.walk_forward.against,
        "walk_forward_errors": errors_by_group(market, trained)?,
        "test": trained.test.scores,
        "test_against": trained.test.against,
        "intervals": intervals,
        "chosen": trained.chosen,
        "champion": trained.champion,
        "set_aside": market.set_aside,
    });
    Ok((headlines(trained, &intervals), scores))
}

/// Errors of the published model on the walk-forward folds by salary band, classification, work type and year.
fn errors_by_group(market: &Market<'_>, trained: &Trained) -> Result<BTreeMap<&'static str, Vec<Slice>>> {
    let judged = &trained.walk_forward;
    let Some(own) = judged.predictions.last().filter(|_| !judged.rows.is_empty()) else {
        return Ok(BTreeMap::new());
    };
    let (actual, predicted) = (market.salaries(&judged.rows), own.salaries());
    let of = |label: fn(&Ad) -> String| -> Vec<String> {
        judged.rows.iter().map(|row| label(market.ads[*row as usize])).collect()
    };
    let labels = [
        ("salary_band", salary_bands(&actual, BANDS)),
        ("classification", of(|ad| ad.classification.clone())),
        ("work_type", of(|ad| ad.work_type.clone())),
        ("year", of(|ad| ad.moment().format("%Y").to_string())),
    ];
    let slices = labels.into_iter().map(|(name, labels)| {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        Ok((name, breakdown(&labels, &actual, &predicted, MIN_GROUP)?))
    });
    slices.collect()
}

fn headlines(trained: &Trained, intervals: &IntervalScores) -> BTreeMap<String, f64> {
    let mut named: Vec<(&str, Option<f64>)> = Vec::new();
    if let Some(scored) = trained.walk_forward.scores.last() {
        named.extend([
            (metrics::WALK_FORWARD_MAE, Some(scored.metrics.mae)),
            (metrics::WALK_FORWARD_MAE_LOW, Some(scored.intervals.mae.low)),
            (metrics::WALK_FORWARD_MAE_HIGH, Some(scored.intervals.mae.high)),
            (metrics::WALK_FORWARD_R2, scored.metrics.r2),
        ]);
    }
    if let Some(scored) = trained.test.scores.last() {
        named.extend([
            (metrics::TEST_MAE, Some(scored.metrics.mae)),
            (metrics::TEST_RMSE, Some(scored.metrics.rmse)),
            (metrics::TEST_R2, scored.metrics.r2),
            (metrics::TEST_MAPE, scored.metrics.mape),
            (metrics::TEST_MEDIAN_APE, scored.metrics.median_ape),
        ]);
    }
    named.extend([
        (metrics::COVERAGE_90, intervals.coverage.as_ref().map(|report| report.all.coverage)),
        (metrics::INTERVAL_RATIO, intervals.coverage.as_ref().map(|report| report.all.width_ratio)),
        (metrics::CONFIDENCE_ERROR, intervals.reliability.as_ref().map(|found| found.error)),
    ]);
    let finite = named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|v| v.is_finite())?)));
    finite.collect()
}
