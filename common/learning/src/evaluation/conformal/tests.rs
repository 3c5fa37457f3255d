use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::evaluation::coverage::calibration_error;

/// Residuals whose true spread is `factor` times the predicted scale.
fn residuals(rows: usize, factor: f64, seed: u64) -> Vec<Residual> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = move || (0..12).map(|_| random.random_range(0.0..1.0)).sum::<f64>() - 6.0;
    (0..rows)
        .map(|row| {
            let scale = 0.05 + (row % 17) as f64 * 0.03;
            Residual { log_actual: 8.0 + factor * scale * normal(), log_predicted: 8.0, scale }
        })
        .collect()
}

#[test]
fn the_interval_is_the_shortest_that_covers() {
    let mut calibration = Calibration::default();
    assert_eq!((calibration.interval(8.0, 0.1, 0.9), calibration.confidence(0.1)), (None, None));
    for score in [-4.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 9.0] {
        calibration.push(score);
    }
    let of = |scale: f64, coverage: f64| {
        let (low, high) = calibration.interval(8.0, scale, coverage).unwrap();
        [low.ln() - 8.0, high.ln() - 8.0]
    };
    let near = |found: [f64; 2], low: f64, high: f64| {
        assert!((found[0] - low).abs() < 1e-9 && (found[1] - high).abs() < 1e-9, "{found:?}");
    };
    // ⌈10 · 0.7⌉ = 7 of the scores: from -1.5 to 2.
    near(of(0.1, 0.7), -0.15, 0.2);
    // More than the scores can say: all.
    near(of(0.1, 0.99), -0.4, 0.9);
    // A scale of zero is the least scale.
    near(of(0.0, 0.7), -0.075, 0.1);
}

#[test]
fn the_interval_contains_the_prediction() {
    let mut calibration = Calibration::default();
    (1..=9).for_each(|n| calibration.push(f64::from(n)));
    let (low, high) = calibration.interval(8.0, 0.1, 0.5).unwrap();
    assert!((low.ln() - 8.0).abs() < 1e-9 && high.ln() > 8.4, "{low} {high}");
}

#[test]
fn intervals_cover_new_ads_and_confidence_is_calibrated() {
    for factor in [0.7, 1.0, 2.0] {
        let calibration = Calibration::fit(&residuals(3000, factor, 1)).unwrap();
        let new = residuals(5000, factor, 2);
        let inside = new.iter().filter(|residual| {
            let (low, high) = calibration.interval(residual.log_predicted, residual.scale, 0.9).unwrap();
            (low..=high).contains(&residual.log_actual.exp())
        });
        let covered = inside.count() as f64 / 5000.0;
        assert!((0.88..0.92).contains(&covered), "{covered}");
        let confidence: Vec<f64> = new.iter().map(|r| calibration.confidence(r.scale).unwrap()).collect();
        let hits: Vec<bool> = new.iter().map(Residual::is_within_20_percent).collect();
        let reliability = calibration_error(&confidence, &hits).unwrap();
        assert!(reliability.error < 0.03, "{}", reliability.error);
    }
}

#[test]
fn within_20_percent_is_asymmetric_in_logs() {
    let at = |ratio: f64| Residual { log_actual: 8.0 + ratio.ln(), log_predicted: 8.0, scale: 0.2 };
    assert!(at(0.801).is_within_20_percent() && at(1.199).is_within_20_percent());
    assert!(!at(0.799).is_within_20_percent() && !at(1.201).is_within_20_percent());
}

#[test]
fn the_window_rolls() {
    let mut calibration = Calibration::fit(&residuals(1500, 1.0, 1)).unwrap();
    assert_eq!(calibration.scores(), 1000);
    for _ in 0..1000 {
        calibration.push(3.0);
    }
    calibration.push(f64::NAN);
    assert_eq!(calibration.scores(), 1000);
    let (low, high) = calibration.interval(0.0, 0.1, 0.5).unwrap();
    assert!(low.ln().abs() < 1e-9 && (high.ln() - 0.3).abs() < 1e-9);
}

#[test]
fn a_saved_calibration_answers_the_same() {
    let calibration = Calibration::fit(&residuals(700, 1.0, 4)).unwrap();
    let json = serde_json::to_string(&calibration).unwrap();
    assert!(!json.contains("ascending"));
    let read: Calibration = serde_json::from_str(&json).unwrap();
    assert_eq!(read.scores(), calibration.scores());
    for scale in [0.05, 0.2, 0.7] {
        let ends = |calibration: &Calibration| {
            let (low, high) = calibration.interval(8.0, scale, 0.9).unwrap();
            [low.ln(), high.ln(), calibration.confidence(scale).unwrap()]
        };
        for (one, other) in ends(&read).into_iter().zip(ends(&calibration)) {
            assert!((one - other).abs() < 1e-9, "{one} {other}");
        }
    }
}

#[test]
fn residuals_that_are_no_numbers_are_refused() {
    assert!(Calibration::fit(&[]).is_err());
    let bad = Residual { log_actual: f64::NAN, log_predicted: 8.0, scale: 0.1 };
    assert_eq!(
        Calibration::fit(&[bad]).unwrap_err().to_string(),
        "invalid residual 0: expected finite numbers"
    );
}

#[test]
fn a_replay_uses_the_past_alone() {
    let mut all = residuals(1200, 1.0, 9);
    let before = replay(&all, 0.9).unwrap();
    assert!(before[..200].iter().all(Option::is_none) && before[200..].iter().all(Option::is_some));
    for residual in &mut all[700..] {
        residual.log_actual += 5.0;
    }
    let after = replay(&all, 0.9).unwrap();
    assert_eq!(before[..=700], after[..=700]);
    assert_ne!(before[1100], after[1100]);
    assert_eq!(replay(&all[..9], 0.9).unwrap(), vec![None; 9]);
}
