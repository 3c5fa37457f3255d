use super::*;

/// Probabilities that put `most` on one class and the rest evenly on the others.
fn sure_of(class: usize, classes: usize, most: f64) -> Vec<f64> {
    let rest = (1.0 - most) / (classes - 1) as f64;
    (0..classes).map(|other| if other == class { most } else { rest }).collect()
}

#[test]
fn metrics_are_those_of_the_textbook() {
    // By hand: of class 0 precision 2/3 and recall 1, of class 1 both 1/2, of class 2 both 0.
    let (actual, predicted) = ([0, 0, 1, 1, 2], [0, 0, 0, 1, 1]);
    let probabilities: Vec<f64> =
        predicted.iter().flat_map(|class| sure_of(*class as usize, 3, 0.8)).collect();
    let rows =
        Classified { actual: &actual, predicted: &predicted, probabilities: &probabilities, classes: 3 };
    let metrics = evaluate_classification(&rows).unwrap();
    let f1 = [0.8, 0.5, 0.0];
    assert!((metrics.accuracy - 0.6).abs() < 1e-12);
    assert!((metrics.macro_f1 - f1.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    assert!((metrics.weighted_f1 - (2.0 * 0.8 + 2.0 * 0.5) / 5.0).abs() < 1e-12);
    assert!((metrics.log_loss + (3.0 * 0.8f64.ln() + 2.0 * 0.1f64.ln()) / 5.0).abs() < 1e-12);
    assert_eq!((metrics.rows, metrics.top_3), (5, 1.0));
    let classes = rows.by_class().unwrap();
    assert_eq!(classes.iter().map(|class| class.support).collect::<Vec<_>>(), [2, 2, 1]);
    assert!((classes[0].precision - 2.0 / 3.0).abs() < 1e-12 && classes[0].recall == 1.0);
    assert_eq!((classes[2].precision, classes[2].recall, classes[2].f1), (0.0, 0.0, 0.0));
}

#[test]
fn the_actual_class_is_found_among_three_and_an_unknown_one_never() {
    let probabilities = [0.3, 0.2, 0.2, 0.2, 0.1].repeat(3);
    let rows =
        Classified { actual: &[2, 3, 5], predicted: &[0, 0, 0], probabilities: &probabilities, classes: 5 };
    assert_eq!([0, 1, 2].map(|row| rows.is_in_top(row)), [true, false, false]);
    let metrics = rows.metrics().unwrap();
    assert_eq!((metrics.accuracy, metrics.macro_f1), (0.0, 0.0));
    assert!(metrics.log_loss.is_finite());
    assert_eq!(rows.by_class().unwrap().last().unwrap().class, 5);
}

#[test]
fn calibration_compares_the_most_probable_class() {
    let probabilities = sure_of(1, 2, 0.75).repeat(100);
    let actual: Vec<u32> = (0..100).map(|row| u32::from(row % 4 != 0)).collect();
    let rows =
        Classified { actual: &actual, predicted: &[0; 100], probabilities: &probabilities, classes: 2 };
    let reliability = rows.calibration().unwrap();
    assert!(reliability.error < 0.1, "{reliability:?}");
    let wrong = Classified { actual: &[0; 100], ..rows };
    assert!((wrong.calibration().unwrap().error - 0.75).abs() < 1e-9);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let rows = Classified { actual: &[0], predicted: &[0], probabilities: &[1.0], classes: 1 };
    assert_eq!(rows.metrics().unwrap().macro_f1, 1.0);
    for (bad, message) in [
        (
            Classified { actual: &[], predicted: &[], probabilities: &[], classes: 1 },
            "invalid rows: expected at least one, with a class, to evaluate",
        ),
        (
            Classified { predicted: &[], ..rows },
            "invalid predictions of 0 rows with 1 probabilities: expected those of 1 rows with 1 each",
        ),
        (
            Classified { probabilities: &[f64::NAN], ..rows },
            "invalid probability \"NaN\" in row 0: expected a number from 0 to 1",
        ),
    ] {
        assert_eq!(bad.metrics().unwrap_err().to_string(), message);
    }
}
