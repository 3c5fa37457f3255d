use std::path::PathBuf;

use super::*;

/// The library that `scripts/setup --xgboost` downloads. Read at run time, because checkouts share build artifacts.
fn library() -> Xgboost {
    let own = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    Xgboost::load(&own.join("../../.cache/xgboost-3.2.0")).unwrap()
}

/// Rows of three columns, the last one often missing, and a target that the first two explain.
fn sample(rows: usize) -> (Vec<f32>, Vec<f32>) {
    let at = |row: usize| {
        let (a, b) = ((row * 37 % 101) as f32 / 101.0, (row * 53 % 97) as f32 / 97.0);
        ([a, b, if row.is_multiple_of(3) { f32::NAN } else { 1.0 }], 3.0 + 2.0 * a - b)
    };
    let (values, targets): (Vec<_>, Vec<_>) = (0..rows).map(at).unzip();
    (values.concat(), targets)
}

fn parameters(threads: u32) -> Vec<(&'static str, String)> {
    vec![
        ("objective", "reg:squarederror".into()),
        ("tree_method", "hist".into()),
        ("eta", "0.1".into()),
        ("base_score", "3.5".into()),
        ("colsample_bytree", "0.7".into()),
        ("seed", "7".into()),
        ("nthread", threads.to_string()),
    ]
}

#[test]
fn trees_learn_and_predict_the_same_whatever_the_threads() {
    let (values, targets) = sample(2000);
    let rows = Rows { values: &values, columns: 3 };
    let trained = |threads| {
        let parameters = parameters(threads);
        library().train(rows, &targets, &Training { parameters: &parameters, rounds: 60 }).unwrap()
    };
    let one = trained(1);
    let predicted = one.predict(rows).unwrap();
    let error: f32 = predicted.iter().zip(&targets).map(|(a, b)| (a - b).abs()).sum::<f32>() / 2000.0;
    assert!(error < 0.05, "{error}");
    assert_eq!(predicted, trained(2).predict(rows).unwrap());
    let some = Rows { values: &values[..30], columns: 3 };
    assert_eq!(one.predict(some).unwrap(), predicted[..10]);
    assert!(one.predict(Rows { values: &[], columns: 3 }).unwrap().is_empty());
}

#[test]
fn a_booster_is_shared_by_threads() {
    let (values, targets) = sample(500);
    let rows = Rows { values: &values, columns: 3 };
    let training = Training { parameters: &parameters(1), rounds: 20 };
    let booster = library().train(rows, &targets, &training).unwrap();
    let expected = booster.predict(rows).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(booster.predict(rows).unwrap(), expected));
        }
    });
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let (values, targets) = sample(50);
    let rows = Rows { values: &values, columns: 3 };
    let refused = |rows, targets: &[f32], parameters: &[(&str, String)]| {
        let training = Training { parameters, rounds: 2 };
        library().train(rows, targets, &training).err().unwrap().to_string()
    };
    let good = parameters(1);
    assert!(refused(rows, &targets[1..], &good).contains("invalid 49 targets of 50 rows"));
    assert!(refused(rows, &[f32::NAN; 50], &good).contains("expected a finite number"));
    assert!(refused(Rows { values: &[], columns: 3 }, &[], &good).contains("at least one"));
    assert!(
        refused(Rows { values: &values, columns: 7 }, &targets, &good).contains("rows of the same length")
    );
    assert!(refused(rows, &targets, &[("objective", "reg:nonsense".to_owned())]).contains("XGBoost: "));
    assert!(refused(rows, &targets, &[("eta", "a\0b".to_owned())]).contains("expected no NUL"));
    let booster = library().train(rows, &targets, &Training { parameters: &good, rounds: 2 }).unwrap();
    let other = booster.predict(Rows { values: &values, columns: 2 }).unwrap_err().to_string();
    assert_eq!(other, "invalid rows of 2 columns: expected 3");
}

#[test]
fn a_missing_or_foreign_library_is_named() {
    let folder = std::env::temp_dir().join(format!("no-xgboost-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let missing = Xgboost::load(&folder).unwrap_err().to_string();
    assert!(
        missing.contains("no XGBoost library at") && missing.contains("scripts/setup --xgboost"),
        "{missing}"
    );
    std::fs::write(folder.join("libxgboost.so"), "text").unwrap();
    let foreign = Xgboost::load(&folder).unwrap_err().to_string();
    assert!(foreign.contains("invalid XGBoost library"), "{foreign}");
    std::fs::remove_dir_all(&folder).unwrap();
}
