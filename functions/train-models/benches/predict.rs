//! How many ads a second a published salary model predicts: from rows of the warehouse, and from their features.
//!
//! `predict WAREHOUSE_URL MODEL_FOLDER` reads every ad that has a vector and prints one line of JSON; `scripts/bench train`
//! starts it. The least time of some rounds counts.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::learning::Ad;
use common::learning::models::predictor::SalaryPredictor;
use common::{Error, Result};
use serde_json::{Value, json};

mod reading;

const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    common::learning::set_wait_policy();
    // Cargo adds one to what it starts.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        // `scripts/bench hot` starts every benchmark; this one needs a model.
        [] => return ExitCode::SUCCESS,
        [url, folder] => measure(url, Path::new(folder)).await,
        _ => Err(Error::invalid_input("usage: predict WAREHOUSE_URL MODEL_FOLDER")),
    };
    match outcome {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("predict: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

async fn measure(url: &str, folder: &Path) -> Result<Value> {
    let predictor = SalaryPredictor::load(folder)?;
    let ads = reading::ads(url).await?;
    let ads: Vec<&Ad> = ads.iter().collect();
    let from_rows = least(|| predictor.predict(&ads).map(|found| found.len()))?;
    let features = predictor.transform(&ads)?;
    let from_features = least(|| predictor.predict_transformed(&features).map(|found| found.len()))?;
    let a_second = |time: Duration| (ads.len() as f64 / time.as_secs_f64()).round();
    Ok(json!({
        "ads": ads.len(),
        "training_ads": predictor.config.ads,
        "from_rows_a_second": a_second(from_rows),
        "from_features_a_second": a_second(from_features),
    }))
}

fn least(mut predict: impl FnMut() -> Result<usize>) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let clock = Instant::now();
        predict()?;
        least = least.min(clock.elapsed());
    }
    Ok(least)
}
