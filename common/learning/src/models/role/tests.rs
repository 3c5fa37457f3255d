use super::*;

#[test]
fn classes_without_ads_are_left_out_and_come_back() {
    let present = Present::of(&[3, 1, 3, 3], 5).unwrap();
    assert_eq!((present.len(), present.is_empty()), (2, false));
    assert_eq!(present.places(&[3, 1]), [1, 0]);
    assert_eq!(
        present.spread(&[1.0, 2.0, 3.0, 4.0], -1.0),
        [-1.0, 1.0, -1.0, 2.0, -1.0, -1.0, 3.0, -1.0, 4.0, -1.0]
    );
    assert_eq!(present.log_shares(), [0.25f64.ln(), 0.75f64.ln()]);
    assert_eq!(present.weights(ClassWeights::None), [1.0, 1.0]);
    assert_eq!(present.weights(ClassWeights::Balanced), [2.0, 2.0 / 3.0]);
    let message = Present::of(&[], 5).unwrap_err().to_string();
    assert_eq!(message, "no ads to fit a model of roles to: expected ads with a classification");
}

#[test]
fn probabilities_add_up_to_one_however_large_the_scores() {
    let mut scores = [1e4, 1e4, -1e4];
    log_softmax(&mut scores);
    assert!((scores[0] + 2f64.ln()).abs() < 1e-9 && scores[2] < -1e4);
    assert_eq!((argmax(&[1.0, 3.0, 3.0]), argmax(&[])), (1, 0));
}
