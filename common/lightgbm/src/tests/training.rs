//! Datasets and training: what counts, what is refused, when it stops.

use std::ops::ControlFlow;

use super::*;

#[test]
fn a_category_is_not_a_number() {
    // Only the parity of the category counts: few splits by sets do what many by thresholds do.
    let values: Vec<f32> = (0..400_u16).map(|row| f32::from(row % 40)).collect();
    let labels: Vec<f32> = values.iter().map(|value| value % 2.0).collect();
    let matrix = Matrix { values: &values, columns: 1 };
    let error = |categorical: &[usize]| {
        let options = DatasetOptions { categorical, ..Default::default() };
        let dataset = Dataset::new(matrix, &labels, &options).unwrap();
        let parameters =
            Parameters::new().set("num_leaves", 2).set("learning_rate", 0.5).set("cat_smooth", 0);
        let parameters =
            parameters.set("min_data_per_group", 1).set("max_cat_threshold", 40).set("cat_l2", 0);
        let booster = trained(&dataset, parameters, 10);
        squared_error(&booster.predict(matrix).unwrap(), &labels)
    };
    let (as_category, as_number) = (error(&[0]), error(&[]));
    assert!(as_category < 0.001 && as_number > 0.1, "{as_category} {as_number}");
}

#[test]
fn rows_without_weight_do_not_count() {
    let market = Market::new(200, 11);
    let mut labels = market.numbers.clone();
    let mut weights = vec![1.0; 200];
    for row in 0..100 {
        (labels[row], weights[row]) = (1_000.0, 0.0);
    }
    let booster = trained(&market.dataset(&labels, Some(&weights)), regression(), 50);
    let predictions = booster.predict(market.matrix()).unwrap();
    assert!(predictions[100..].iter().all(|prediction| *prediction < 50.0));
}

#[test]
fn the_history_has_each_dataset_metric_and_round() {
    let (market, other) = (Market::new(300, 12), Market::new(100, 13));
    let dataset = market.dataset(&market.numbers, None);
    let kept = dataset.aligned(other.matrix(), &other.numbers, None).unwrap();
    let validation = [("training", &dataset), ("kept", &kept)];
    let training =
        Training { parameters: regression(), rounds: 9, validation: &validation, ..Default::default() };
    let result = train(&dataset, training).unwrap();
    assert_eq!((result.history.len(), result.best_round, result.booster.rounds()), (9 * 4, 9, 9));
    for (index, evaluation) in result.history.iter().enumerate() {
        assert_eq!(evaluation.round as usize, index / 4 + 1);
        assert_eq!(evaluation.set, ["training", "training", "kept", "kept"][index % 4]);
        assert_eq!(evaluation.metric, ["l2", "l1"][index % 2]);
    }
    for (start, data) in [(32, &market), (34, &other)] {
        let error = squared_error(&result.booster.predict(data.matrix()).unwrap(), &data.numbers);
        assert!((result.history[start].value - error).abs() < 1e-6 * error, "{error}");
    }
}

#[test]
fn early_stopping_keeps_the_best_round_of_its_dataset_and_metric() {
    let (market, other) = (Market::new(150, 14), Market::new(100, 15));
    let mut noise = market.numbers.clone();
    noise.iter_mut().enumerate().for_each(|(row, label)| *label += [9.0, -9.0, 4.0][row % 3]);
    let dataset = market.dataset(&noise, None);
    let kept = dataset.aligned(other.matrix(), &other.numbers, None).unwrap();
    let validation = [("training", &dataset), ("kept", &kept)];
    let stopping = EarlyStopping { set: 1, metric: "l1".to_owned(), rounds: 5 };
    let training = Training {
        parameters: regression(),
        rounds: 500,
        validation: &validation,
        early_stopping: Some(stopping),
        ..Default::default()
    };
    let result = train(&dataset, training).unwrap();
    let values: Vec<f64> =
        result.history.iter().skip(3).step_by(4).map(|evaluation| evaluation.value).collect();
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let first = values.iter().position(|value| *value == best).unwrap();
    assert_eq!(result.best_round as usize, first + 1);
    assert_eq!(values.len(), first + 1 + 5, "{values:?}");
    assert_eq!(result.booster.rounds(), first + 1);
}

#[test]
fn early_stopping_knows_which_metrics_grow() {
    let market = Market::new(300, 16);
    let labels: Vec<f32> = market.classes.iter().map(|class| f32::from(u8::from(*class > 1.0))).collect();
    let dataset = market.dataset(&labels, None);
    let best_round = |metric: &str| {
        let training = Training {
            parameters: small_trees()
                .set("objective", "binary")
                .set("metric", metric)
                .set("learning_rate", 0.01),
            rounds: 30,
            validation: &[("training", &dataset)],
            early_stopping: Some(EarlyStopping { set: 0, metric: metric.to_owned(), rounds: 30 }),
            ..Default::default()
        };
        let result = train(&dataset, training).unwrap();
        let values = result.history.iter().map(|evaluation| evaluation.value);
        (values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v))), result)
    };
    for (metric, larger) in [("auc", true), ("average_precision", true), ("binary_logloss", false)] {
        let ((low, high), result) = best_round(metric);
        let value = result.history[result.best_round as usize - 1].value;
        assert_eq!(value.to_bits(), if larger { high } else { low }.to_bits(), "{metric}");
    }
}

#[test]
fn a_training_stops_when_its_observer_says_so() {
    let market = Market::new(200, 17);
    let dataset = market.dataset(&market.numbers, None);
    let mut seen = Vec::new();
    let mut observe = |round: &Round<'_>| {
        seen.push((round.round, round.evaluations.len()));
        if round.round == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let training = Training {
        parameters: regression(),
        rounds: 100,
        validation: &[("training", &dataset)],
        on_round: Some(&mut observe),
        ..Default::default()
    };
    let result = train(&dataset, training).unwrap();
    assert_eq!(seen, [(1, 2), (2, 2), (3, 2), (4, 2)]);
    assert_eq!((result.best_round, result.booster.rounds()), (4, 4));
    assert_eq!(result.booster.to_text().unwrap().matches("Tree=").count(), 4);
}

#[test]
fn the_number_of_threads_does_not_change_a_model() {
    let market = Market::new(3_000, 18);
    let sampled =
        regression().set("feature_fraction", 0.5).set("bagging_fraction", 0.7).set("bagging_freq", 1);
    for (labels, parameters) in [(&market.numbers, sampled), (&market.classes, several_classes())] {
        let text = |threads: u32| {
            let of_dataset = Parameters::new().set("num_threads", threads);
            let options = DatasetOptions { parameters: of_dataset, ..Default::default() };
            let dataset = Dataset::new(market.matrix(), labels, &options).unwrap();
            trained(&dataset, parameters.clone().set("num_threads", threads), 15).to_text().unwrap()
        };
        let alone = text(1);
        assert!(alone.contains("\n[num_threads: 0]\n"));
        assert!(alone == text(2) && alone == text(5) && alone == text(0));
    }
}

#[test]
fn one_row_and_constant_columns_give_a_constant_model() {
    let one = Matrix { values: &[1.0, 2.0], columns: 2 };
    let dataset = Dataset::new(one, &[5.0], &DatasetOptions::default()).unwrap();
    let booster = trained(&dataset, Parameters::new(), 10);
    assert_eq!(booster.predict(Matrix { values: &[9.0, f32::NAN], columns: 2 }).unwrap(), [5.0]);
    assert_eq!(Booster::from_text(&booster.to_text().unwrap()).unwrap().rounds(), 1);

    let same = Matrix { values: &[3.0; 200], columns: 2 };
    let labels: Vec<f32> = (0..100_u8).map(f32::from).collect();
    let dataset = Dataset::new(same, &labels, &DatasetOptions::default()).unwrap();
    let booster = trained(&dataset, Parameters::new(), 10);
    assert!((booster.predict(Matrix { values: &[3.0, 3.0], columns: 2 }).unwrap()[0] - 49.5).abs() < 1e-4);
    assert_eq!(booster.contributions(Matrix { values: &[3.0, 3.0], columns: 2 }).unwrap().len(), 3);
}

#[test]
fn a_dataset_that_does_not_fit_together_is_refused() {
    let values = [1.0, 2.0, 3.0, 4.0];
    let two = Matrix { values: &values, columns: 2 };
    let labels = [1.0, 2.0];
    let fails = |matrix, labels: &[f32], options: &DatasetOptions<'_>| {
        Dataset::new(matrix, labels, options).err().expect("an error").to_string()
    };
    let plain = DatasetOptions::default();
    assert!(fails(two, &[1.0], &plain).contains("labels \"1\": expected 2"));
    assert!(fails(two, &[1.0, f32::NAN], &plain).contains("row 1"));
    assert!(fails(Matrix { values: &[], columns: 2 }, &[], &plain).contains("without rows"));
    assert!(fails(Matrix { values: &values, columns: 0 }, &labels, &plain).contains("0 columns"));
    let categorical = DatasetOptions { categorical: &[2], ..Default::default() };
    assert!(fails(two, &labels, &categorical).contains("categorical column \"2\""));
    for weights in [&[1.0][..], &[1.0, -1.0], &[f32::INFINITY, 1.0]] {
        let weighted = DatasetOptions { weights: Some(weights), ..Default::default() };
        assert!(fails(two, &labels, &weighted).contains("weights"));
    }
    for names in [["a", "a"], ["a b", "c"], ["a\"", "b"], ["a=b", "c"], ["", "b"]] {
        let names = names.map(str::to_owned);
        fails(two, &labels, &DatasetOptions { names: &names, ..Default::default() });
    }
    let unknown = DatasetOptions { parameters: Parameters::new().set("max_bins", 3).set("bins", 3), ..plain };
    assert!(fails(two, &labels, &unknown).contains("\"bins\""));
}

#[test]
fn a_training_that_would_not_do_as_asked_is_refused() {
    let market = Market::new(100, 19);
    let dataset = market.dataset(&market.numbers, None);
    let coarse = DatasetOptions { parameters: Parameters::new().set("max_bin", 3), ..Default::default() };
    let elsewhere = Dataset::new(market.matrix(), &market.numbers, &coarse).unwrap();
    let stopping = |set, metric: &str, rounds| Some(EarlyStopping { set, metric: metric.to_owned(), rounds });
    let (validation, foreign) = ([("t", &dataset)], [("t", &elsewhere)]);
    let plain =
        || Training { parameters: regression(), rounds: 3, validation: &validation, ..Default::default() };
    let with = |parameters| Training { parameters, ..plain() };
    for (training, message) in [
        (Training { rounds: 0, ..plain() }, "rounds \"0\""),
        (with(regression().set("max_bin", 15)), "\"max_bin\" of a training"),
        (with(regression().set("objective", "regresion")), "LightGBM: Unknown objective type name"),
        (with(regression().set("num_leaves", "many")), "LightGBM:"),
        (with(several_classes()), "LightGBM: Label must be in [0, 3)"),
        (Training { validation: &foreign, ..plain() }, "different bin mappers"),
        (Training { early_stopping: stopping(1, "l1", 3), ..plain() }, "one of 1 datasets"),
        (Training { early_stopping: stopping(0, "l1", 0), ..plain() }, "at least 1 round"),
        (Training { early_stopping: stopping(0, "mae", 3), ..plain() }, "expected one of l2, l1"),
        (
            Training { early_stopping: stopping(0, "l1", 3), ..with(regression().set("boosting", "dart")) },
            "dart",
        ),
    ] {
        let error = train(&dataset, training).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let same = with(regression().set("max_bin", 63));
    assert_eq!(train(&dataset, same).unwrap().booster.rounds(), 3);
}
