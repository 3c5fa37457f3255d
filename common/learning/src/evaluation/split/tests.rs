use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(day: u32) -> Timestamp {
    DateTime::from_timestamp(i64::from(day) * 86_400, 0).unwrap()
}

fn days(days: &[u32]) -> Vec<Timestamp> {
    days.iter().map(|day| at(*day)).collect()
}

fn own_families(rows: usize) -> Vec<u32> {
    (0..rows as u32).collect()
}

#[test]
fn the_most_recent_tenth_is_tested_and_the_tenth_before_it_validates() {
    let moments: Vec<Timestamp> = (0..50).rev().map(at).collect();
    let split = TimeSplit::new(&moments, &own_families(50)).unwrap();
    assert_eq!(split.test, [0, 1, 2, 3, 4]);
    assert_eq!(split.validation, [5, 6, 7, 8, 9]);
    assert_eq!(split.train.len(), 40);
    assert_eq!((split.test_from, split.validation_from), (Some(at(45)), Some(at(40))));
    assert!(split.by_time);
}

#[test]
fn rows_of_one_moment_stay_together_in_the_later_window() {
    let mut list: Vec<u32> = (0..20).collect();
    (list[17], list[16]) = (18, 18);
    let split = TimeSplit::new(&days(&list), &own_families(20)).unwrap();
    assert_eq!(split.test, [16, 17, 18, 19]);
    // A tie of more than a double window is left to the earlier part.
    let mut list: Vec<u32> = (0..20).collect();
    list[10..19].fill(18);
    let split = TimeSplit::new(&days(&list), &own_families(20)).unwrap();
    assert_eq!(split.test, [19]);
    assert_eq!(split.validation, [10, 11, 12, 13, 14, 15, 16, 17, 18]);
}

#[test]
fn a_family_that_reaches_into_the_test_window_leaves_the_earlier_parts() {
    let mut families = own_families(20);
    (families[0], families[16]) = (19, 19);
    let split = TimeSplit::new(&days(&(0..20).collect::<Vec<_>>()), &families).unwrap();
    assert_eq!(split.test, [18, 19]);
    assert_eq!(split.validation, [15, 17]);
    assert_eq!(split.removed_reposts, 2);
    assert!(!split.train.contains(&0));
}

#[test]
fn rows_of_a_single_moment_are_divided_by_family() {
    let families: Vec<u32> = (0..100).map(|row| row / 2).collect();
    let split = TimeSplit::new(&vec![at(3); 100], &families).unwrap();
    assert_eq!((split.test.len(), split.validation.len(), split.train.len()), (10, 10, 80));
    assert!(!split.by_time);
    assert_eq!(split, TimeSplit::new(&vec![at(3); 100], &families).unwrap());
}

#[test]
fn no_rows_one_row_and_one_family_have_no_windows() {
    assert_eq!(TimeSplit::new(&[], &[]).unwrap().test, Vec::<u32>::new());
    let one = TimeSplit::new(&[at(1)], &[0]).unwrap();
    assert_eq!((one.train, one.validation, one.test), (vec![0], vec![], vec![]));
    let two = TimeSplit::new(&days(&[2, 1]), &[0, 1]).unwrap();
    assert_eq!((two.train, two.validation, two.test), (vec![1], vec![], vec![0]));
    let family = TimeSplit::new(&[at(1); 30], &[7; 30]).unwrap();
    assert_eq!((family.train.len(), family.test.len()), (30, 0));
    assert!(TimeSplit::new(&[at(1)], &[]).unwrap_err().to_string().starts_with("invalid families of 0 rows"));
}

#[test]
fn folds_balance_strata() {
    let strata: Vec<u32> = (0..1000).map(|row| u32::from(row % 10 == 0)).collect();
    let folds = grouped_folds(&own_families(1000), &strata, 5, 1).unwrap();
    for fold in 0..5 {
        let rows: Vec<usize> = (0..1000).filter(|row| folds[*row] == fold).collect();
        let rare = rows.iter().filter(|row| strata[**row] == 1).count();
        assert_eq!((rows.len(), rare), (200, 20));
    }
    assert_ne!(folds, grouped_folds(&own_families(1000), &strata, 5, 2).unwrap());
}

#[test]
fn fewer_groups_than_folds_make_fewer_folds() {
    assert_eq!(grouped_folds(&[], &[], 5, 0).unwrap(), Vec::<u32>::new());
    assert_eq!(grouped_folds(&[9; 4], &[0; 4], 5, 0).unwrap(), [0; 4]);
    assert_eq!(grouped_folds(&[9; 4], &[0; 4], 0, 0).unwrap(), [0; 4]);
    let folds = grouped_folds(&[1, 2, 1, 3], &[0; 4], 5, 0).unwrap();
    assert_eq!(folds.iter().collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn strata_are_classification_and_fifth_of_salaries() {
    let classes: Vec<&str> = (0..200).map(|row| if row < 150 { "IT" } else { ["a", "b"][row % 2] }).collect();
    let salaries: Vec<f64> = (0..200).map(|row| f64::from(row % 50)).collect();
    let strata = salary_strata(&classes, &salaries).unwrap();
    assert_eq!(strata.iter().copied().collect::<BTreeSet<_>>(), (0..15).collect());
    // The 20 rows of two small classes are one, with salaries of the upper two bands.
    let small: Vec<&str> = (0..200).map(|row| if row < 180 { "IT" } else { ["a", "b"][row % 2] }).collect();
    assert_eq!(salary_strata(&small, &salaries).unwrap().iter().max(), Some(&6));
    assert!(salary_strata(&["IT"], &[f64::NAN]).is_err());
    assert!(salary_strata(&[], &[]).unwrap().is_empty());
}

#[test]
fn blocks_of_time_follow_each_other() {
    let folds = walk_forward(
        &days(&(0..100).collect::<Vec<_>>()),
        &own_families(100),
        WalkForward { folds: 4, first_share: 0.6 },
    )
    .unwrap();
    assert_eq!(folds.iter().map(|fold| fold.test.len()).collect::<Vec<_>>(), [10; 4]);
    assert_eq!(folds[3].train.len(), 90);
    assert_eq!((folds[0].from, folds[0].until), (at(60), at(69)));
    for share in [0.0, 1.0, f64::NAN] {
        assert!(walk_forward(&[], &[], WalkForward { folds: 4, first_share: share }).is_err());
    }
    let one_moment = walk_forward(&[at(1); 9], &own_families(9), WalkForward { folds: 4, first_share: 0.5 });
    assert!(one_moment.unwrap().is_empty());
}

fn rows() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    (0usize..60, 1u32..40, 1u32..40).prop_flat_map(|(rows, most_days, most_families)| {
        (prop::collection::vec(0..most_days, rows), prop::collection::vec(0..most_families, rows))
    })
}

fn families_of(rows: &[u32], families: &[u32]) -> BTreeSet<u32> {
    rows.iter().map(|row| families[*row as usize]).collect()
}

proptest! {
    #[test]
    fn no_ad_family_or_future_is_on_the_wrong_side((list, families) in rows()) {
        let moments = days(&list);
        let split = TimeSplit::new(&moments, &families).unwrap();
        let parts = [&split.train, &split.validation, &split.test];
        let all: Vec<u32> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        prop_assert_eq!(all.len() + split.removed_reposts as usize, list.len());
        for (earlier, later) in [(0, 1), (0, 2), (1, 2)] {
            let (earlier, later) = (parts[earlier], parts[later]);
            prop_assert!(families_of(earlier, &families).is_disjoint(&families_of(later, &families)));
            let last = earlier.iter().map(|row| moments[*row as usize]).max();
            let first = later.iter().map(|row| moments[*row as usize]).min();
            if let (Some(last), Some(first)) = (last, first) {
                prop_assert!(last < first || (!split.by_time && last == first));
            }
        }
        // The test window is complete: nothing at or after its beginning is missing.
        if let (true, Some(from)) = (split.by_time, split.test_from) {
            prop_assert_eq!(moments.iter().filter(|moment| **moment >= from).count(), split.test.len());
        }
        let moments_differ = list.iter().collect::<BTreeSet<_>>().len() > 1;
        let families_differ = families.iter().collect::<BTreeSet<_>>().len() > 1;
        prop_assert_eq!(!split.test.is_empty(), moments_differ || families_differ);
    }

    #[test]
    fn groups_are_whole_and_no_fold_is_empty((strata, groups) in rows(), k in 0usize..8, seed in 0u64..4) {
        let folds = grouped_folds(&groups, &strata, k, seed).unwrap();
        let of_groups: BTreeSet<(u32, u32)> = groups.iter().copied().zip(folds.iter().copied()).collect();
        let different = groups.iter().collect::<BTreeSet<_>>().len();
        prop_assert_eq!(of_groups.len(), different);
        let used: BTreeSet<u32> = folds.iter().copied().collect();
        prop_assert_eq!(used, (0..k.max(1).min(different) as u32).collect::<BTreeSet<u32>>());
    }

    #[test]
    fn blocks_are_predicted_from_their_past_alone(
        (list, families) in rows(), folds in 0usize..7, first_share in 0.05..0.95f64,
    ) {
        let moments = days(&list);
        let folds = walk_forward(&moments, &families, WalkForward { folds, first_share }).unwrap();
        let mut tested = BTreeSet::new();
        for fold in &folds {
            prop_assert!(!fold.train.is_empty() && !fold.test.is_empty());
            for row in &fold.train {
                prop_assert!(moments[*row as usize] < fold.from);
            }
            for row in &fold.test {
                prop_assert!(tested.insert(*row));
                prop_assert!((fold.from..=fold.until).contains(&moments[*row as usize]));
            }
            prop_assert!(families_of(&fold.train, &families).is_disjoint(&families_of(&fold.test, &families)));
            let before = moments.iter().filter(|moment| **moment < fold.from).count();
            prop_assert_eq!(before, fold.train.len() + fold.removed_reposts as usize);
            let inside = moments.iter().filter(|moment| (fold.from..=fold.until).contains(*moment)).count();
            prop_assert_eq!(inside, fold.test.len());
        }
        for pair in folds.windows(2) {
            prop_assert!(pair[0].until < pair[1].from);
        }
    }
}
