//! Models trained on small made-up markets.

mod damage;
mod peers;
mod training;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Columns of [`Market`]: two numbers, one of them often missing, a category, and a column that is constant.
const COLUMNS: usize = 4;
const CATEGORY: usize = 2;

/// Rows whose labels depend on the numbers and on the category.
struct Market {
    values: Vec<f32>,
    /// A number a row.
    numbers: Vec<f32>,
    /// One of three classes a row.
    classes: Vec<f32>,
}

impl Market {
    fn new(rows: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut market = Self { values: Vec::new(), numbers: Vec::new(), classes: Vec::new() };
        for _ in 0..rows {
            let (first, second) = (random.random_range(-1.0..1.0_f32), random.random_range(0.0..9.0_f32));
            let category = random.random_range(0..8_u8);
            let missing = random.random_bool(0.3);
            market.values.extend([first, if missing { f32::NAN } else { second }, f32::from(category), 7.0]);
            let odd = f32::from(category % 2);
            market.numbers.push(3.0 * first + if missing { 2.0 } else { second } + 4.0 * odd);
            let class = if odd > 0.0 { 2.0 } else { f32::from(u8::from(first > 0.2)) };
            market.classes.push(class);
        }
        market
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix { values: &self.values, columns: COLUMNS }
    }

    fn dataset(&self, labels: &[f32], weights: Option<&[f32]>) -> Dataset {
        let parameters = Parameters::new().set("max_bin", 63).set("min_data_in_bin", 1);
        let options = DatasetOptions { parameters, categorical: &[CATEGORY], weights, ..Default::default() };
        Dataset::new(self.matrix(), labels, &options).unwrap()
    }
}

fn regression() -> Parameters {
    small_trees().set("objective", "regression").set("metric", "l2,l1")
}

fn several_classes() -> Parameters {
    small_trees().set("objective", "multiclass").set("num_class", 3)
}

fn small_trees() -> Parameters {
    Parameters::new().set("num_leaves", 7).set("min_data_in_leaf", 3).set("num_threads", 1)
}

fn trained(dataset: &Dataset, parameters: Parameters, rounds: u32) -> Booster {
    train(dataset, Training { parameters, rounds, ..Default::default() }).unwrap().booster
}

fn squared_error(predictions: &[f64], labels: &[f32]) -> f64 {
    let errors =
        predictions.iter().zip(labels).map(|(prediction, label)| (prediction - f64::from(*label)).powi(2));
    errors.sum::<f64>() / labels.len() as f64
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The contributions of each score, with the score that they must add up to.
fn assert_contributions_add_up(booster: &Booster, matrix: Matrix<'_>) {
    let raw = booster.raw_scores(matrix).unwrap();
    let contributions = booster.contributions(matrix).unwrap();
    assert_eq!(raw.len(), matrix.rows().unwrap() * booster.classes());
    assert_eq!(contributions.len(), raw.len() * (COLUMNS + 1));
    for (parts, score) in contributions.chunks(COLUMNS + 1).zip(&raw) {
        let sum: f64 = parts.iter().sum();
        assert!((sum - score).abs() < 1e-9 * (1.0 + score.abs()), "{sum} is not {score}");
    }
}

#[test]
fn contributions_of_one_number_add_up_to_the_raw_score() {
    let market = Market::new(200, 1);
    let booster = trained(&market.dataset(&market.numbers, None), regression(), 20);
    assert_contributions_add_up(&booster, market.matrix());
}

/// Runs under valgrind too, so it is small.
#[test]
fn contributions_of_several_classes_add_up_to_the_raw_score() {
    let market = Market::new(60, 2);
    let booster = trained(&market.dataset(&market.classes, None), several_classes(), 5);
    assert_eq!(booster.classes(), 3);
    assert_contributions_add_up(&booster, market.matrix());
}

#[test]
fn probabilities_of_classes_add_up_to_one() {
    let market = Market::new(300, 3);
    let booster = trained(&market.dataset(&market.classes, None), several_classes(), 20);
    let probabilities = booster.predict(market.matrix()).unwrap();
    let mut right = 0;
    for (row, class) in probabilities.chunks(3).zip(&market.classes) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        right += usize::from(row[*class as usize] > 0.5);
    }
    assert!(right > 280, "{right}");
}

#[test]
fn a_text_gives_the_same_model_and_the_same_text() {
    let market = Market::new(300, 4);
    for (labels, parameters) in [(&market.numbers, regression()), (&market.classes, several_classes())] {
        let booster = trained(&market.dataset(labels, None), parameters, 12);
        let text = booster.to_text().unwrap();
        let read = Booster::from_text(&text).unwrap();
        assert_eq!(read.to_text().unwrap(), text);
        assert_eq!((read.rounds(), read.classes(), read.columns()), (12, booster.classes(), COLUMNS));
        assert_eq!(read.names(), ["Column_0", "Column_1", "Column_2", "Column_3"]);
        assert_eq!(
            bits(&read.predict(market.matrix()).unwrap()),
            bits(&booster.predict(market.matrix()).unwrap())
        );
    }
}

#[test]
fn infinite_and_missing_values_are_values() {
    let mut market = Market::new(300, 5);
    for (row, value) in market.values.chunks_mut(COLUMNS).zip([f32::INFINITY, f32::NEG_INFINITY, f32::NAN]) {
        row.fill(value);
    }
    let booster = trained(&market.dataset(&market.numbers, None), regression(), 20);
    let predictions = booster.predict(market.matrix()).unwrap();
    assert!(predictions.iter().all(|prediction| prediction.is_finite()));
    assert_contributions_add_up(&booster, market.matrix());
}

#[test]
fn a_prediction_of_a_row_does_not_depend_on_the_other_rows() {
    let market = Market::new(300, 6);
    let booster = trained(&market.dataset(&market.numbers, None), regression(), 20).threads(2);
    let all = booster.predict(market.matrix()).unwrap();
    for (row, prediction) in market.values.chunks(COLUMNS).zip(&all) {
        let alone = booster.predict(Matrix { values: row, columns: COLUMNS }).unwrap();
        assert_eq!(bits(&alone), [prediction.to_bits()]);
    }
    assert!(booster.predict(Matrix { values: &[], columns: COLUMNS }).unwrap().is_empty());
}

/// With another number of threads, LightGBM would write outside the buffers of the other call.
#[test]
fn threads_predict_with_one_model_while_others_train() {
    let market = Market::new(2_000, 7);
    let dataset = market.dataset(&market.numbers, None);
    let booster = trained(&dataset, regression(), 20).threads(8);
    let (expected, text) = (booster.predict(market.matrix()).unwrap(), booster.to_text().unwrap());
    std::thread::scope(|scope| {
        for threads in 1..=4 {
            let (dataset, text) = (&dataset, &text);
            scope.spawn(move || {
                let model = trained(dataset, regression().set("num_threads", threads), 20);
                assert_eq!(&model.to_text().unwrap(), text);
            });
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(bits(&booster.predict(market.matrix()).unwrap()), bits(&expected));
                }
            });
        }
    });
}

#[test]
fn another_number_of_columns_is_refused() {
    let market = Market::new(100, 8);
    let dataset = market.dataset(&market.numbers, None);
    let booster = trained(&dataset, regression(), 3);
    let wide = Matrix { values: &market.values, columns: 5 };
    for error in [
        booster.predict(wide).unwrap_err(),
        booster.raw_scores(wide).unwrap_err(),
        booster.contributions(wide).unwrap_err(),
        dataset.aligned(wide, &market.numbers, None).err().unwrap(),
    ] {
        assert_eq!(error.to_string(), "invalid number of columns \"5\": expected 4");
    }
    let ragged = Matrix { values: &market.values[1..], columns: COLUMNS };
    assert!(booster.predict(ragged).unwrap_err().to_string().contains("399 values and 4 columns"));
}

#[test]
fn importance_is_of_the_columns_that_matter() {
    let market = Market::new(300, 9);
    let booster = trained(&market.dataset(&market.numbers, None), regression(), 20);
    for importance in [Importance::Gain, Importance::Splits] {
        let values = booster.importance(importance).unwrap();
        assert!(values[..3].iter().all(|value| *value > 0.0) && values[3] == 0.0, "{values:?}");
    }
    let json: serde_json::Value = serde_json::from_str(&booster.to_json().unwrap()).unwrap();
    assert_eq!(json["tree_info"].as_array().unwrap().len(), 20);
}
