use rand::Rng;

use super::*;

/// A market of 2,000 ads in families of up to three: log salaries from a class, a date and chance.
struct Market {
    log_salary: Vec<f64>,
    groups: Vec<u32>,
    class: Vec<u32>,
    days: Vec<f32>,
}

fn market() -> Market {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut market = Market { log_salary: vec![], groups: vec![], class: vec![], days: vec![] };
    for family in 0..1000u32 {
        let (class, day) = (random.random_range(0..8), random.random_range(0.0..1.0f32));
        let own = normal(&mut random) * 0.3;
        for _ in 0..=family % 3 {
            market.log_salary.push(8.0 + f64::from(class) * 0.09 + f64::from(day) * 0.7 + own);
            market.groups.push(family);
            market.class.push(class);
            market.days.push(day);
        }
    }
    market
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| random.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn assess_one(market: &Market, values: ColumnValues<'_>, kind: ColumnKind<'_>) -> Leak {
    let column = Column { name: "it", values, kind };
    let options = LeakOptions::default();
    assess_columns(&[column], &market.log_salary, &market.groups, &options).unwrap().remove(0)
}

#[test]
fn the_salary_with_noise_stops_the_run() {
    let market = market();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    // R² 0.9: noise of a third of the deviation.
    let noise = deviation(&market.log_salary) / 3.0;
    let leak: Vec<f32> = market.log_salary.iter().map(|y| (y + noise * normal(&mut random)) as f32).collect();
    for values in [leak.clone(), leak.iter().map(|value| -value.exp()).collect()] {
        let leak = assess_one(&market, ColumnValues::Numeric(&values), ColumnKind::Raw);
        assert!(leak.is_leak && leak.r2 > 0.8, "{leak:?}");
        let message = refuse_leaks(&[leak]).unwrap_err().to_string();
        assert!(message.starts_with("invalid feature \"it\" (explains 0."), "{message}");
    }
}

#[test]
fn a_salary_band_stops_the_run() {
    let market = market();
    let mut sorted = market.log_salary.clone();
    sorted.sort_by(f64::total_cmp);
    for bands in [2, 3, 4, 10] {
        let band = |y: &f64| (sorted.partition_point(|other| other < y) * bands / sorted.len()) as u32;
        let codes: Vec<u32> = market.log_salary.iter().map(|y| band(y) * 7 % 71).collect();
        let numbers: Vec<f32> = codes.iter().map(|code| *code as f32).collect();
        for values in [ColumnValues::Category(&codes), ColumnValues::Numeric(&numbers)] {
            let leak = assess_one(&market, values, ColumnKind::Raw);
            assert!(leak.is_leak, "{bands} bands: {leak:?}");
            if bands == 2 {
                let message = refuse_leaks(&[leak]).unwrap_err().to_string();
                assert!(message.contains("\"it\" (is in the order of salaries)"), "{message}");
            }
        }
    }
}

#[test]
fn an_amount_that_few_ads_state_stops_the_run() {
    let market = market();
    for missing in [f32::NAN, 0.0, -1.0] {
        let stated = |(row, y): (usize, &f64)| if row % 12 == 0 { (y.exp() * 12.0) as f32 } else { missing };
        let amounts: Vec<f32> = market.log_salary.iter().enumerate().map(stated).collect();
        let leak = assess_one(&market, ColumnValues::Numeric(&amounts), ColumnKind::Raw);
        assert!(leak.is_leak && leak.r2 < 0.5, "{leak:?}");
        assert!(leak.r2_present.unwrap() > 0.8, "{leak:?}");
    }
}

#[test]
fn legitimate_columns_pass() {
    let market = market();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let noise: Vec<f32> = market.days.iter().map(|_| random.random_range(0.0..1.0)).collect();
    let constant = vec![1.0; noise.len()];
    let missing = vec![f32::NAN; noise.len()];
    let infinite: Vec<f32> = noise.iter().map(|v| if *v < 0.5 { f32::INFINITY } else { *v }).collect();
    let numeric = [("days", &market.days), ("noise", &noise), ("constant", &constant), ("missing", &missing)];
    let mut columns: Vec<Column<'_>> = numeric
        .into_iter()
        .chain([("infinite", &infinite)])
        .map(|(name, values)| Column { name, values: ColumnValues::Numeric(values), kind: ColumnKind::Raw })
        .collect();
    // The family is no leak: out of fold, none is known.
    for (name, codes) in [("class", &market.class), ("family", &market.groups)] {
        columns.push(Column { name, values: ColumnValues::Category(codes), kind: ColumnKind::Raw });
    }
    let options = LeakOptions::default();
    let found = assess_columns(&columns, &market.log_salary, &market.groups, &options).unwrap();
    assert!(found.iter().all(|leak| !leak.is_leak && leak.r2.is_finite()), "{found:?}");
    assert_eq!(found[0].name, "days");
    assert!(refuse_leaks(&found).is_ok());
    assert!(find_leaks(&columns, &market.log_salary, &market.groups, &options).unwrap().is_empty());
}

/// Which rows an encoding leaves out for a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum LeavesOut {
    Nothing,
    OwnFamily,
    OwnFold,
}

/// Mean of the target by code, drawn to the overall mean.
fn encode(market: &Market, codes: &[u32], target: &[f64], leaves_out: LeavesOut) -> Vec<f32> {
    let folds = grouped_folds(&market.groups, &vec![0; target.len()], 5, 9).unwrap();
    let overall = target.iter().sum::<f64>() / target.len() as f64;
    let mean = |row: usize| {
        let others =
            (0..target.len()).filter(|other| codes[*other] == codes[row]).filter(|other| match leaves_out {
                LeavesOut::Nothing => true,
                LeavesOut::OwnFamily => market.groups[*other] != market.groups[row],
                LeavesOut::OwnFold => folds[*other] != folds[row],
            });
        let (sum, rows) =
            others.fold((overall * 2.0, 2.0), |(sum, rows), other| (sum + target[other], rows + 1.0));
        (sum / rows) as f32
    };
    (0..target.len()).map(mean).collect()
}

#[test]
fn an_encoding_that_saw_its_own_row_stops_the_run_by_its_placebo() {
    let market = market();
    // Companies of two families each.
    let company: Vec<u32> = market.groups.iter().map(|family| family / 2).collect();
    let placebo_target = placebo_target(&market.log_salary, &market.groups, 0);
    for (codes, leaves_out, is_leak) in [
        (&company, LeavesOut::Nothing, true),
        (&company, LeavesOut::OwnFold, false),
        (&market.class, LeavesOut::OwnFold, false),
        // Without its own family, the mean of a class is the lower the more the family earns.
        (&market.class, LeavesOut::OwnFamily, true),
    ] {
        let values = encode(&market, codes, &market.log_salary, leaves_out);
        let placebo = encode(&market, codes, &placebo_target, leaves_out);
        let kind = ColumnKind::Learned { placebo: Some(&placebo) };
        let leak = assess_one(&market, ColumnValues::Numeric(&values), kind);
        assert_eq!(leak.is_leak, is_leak, "{leaves_out:?} {leak:?}");
        if is_leak {
            let message = refuse_leaks(&[leak]).unwrap_err().to_string();
            assert!(message.contains("of salaries that were dealt at random"), "{message}");
        }
    }
}

#[test]
fn a_good_learned_column_passes_and_the_salary_itself_does_not() {
    let market = market();
    let mut random = ChaCha8Rng::seed_from_u64(4);
    for (share, is_leak) in [(0.5, false), (0.1, true)] {
        let noise = deviation(&market.log_salary) * share;
        let values: Vec<f32> =
            market.log_salary.iter().map(|y| (y + noise * normal(&mut random)) as f32).collect();
        let leak = assess_one(&market, ColumnValues::Numeric(&values), ColumnKind::Learned { placebo: None });
        assert_eq!(leak.is_leak, is_leak, "{leak:?}");
    }
}

#[test]
fn few_rows_and_bad_input_are_survived() {
    let options = LeakOptions::default();
    let column = |values| Column { name: "x", values: ColumnValues::Numeric(values), kind: ColumnKind::Raw };
    assert_eq!(assess_columns(&[column(&[])], &[], &[], &options).unwrap()[0].r2.to_bits(), 0);
    assert_eq!(assess_columns(&[column(&[1.0])], &[8.0], &[0], &options).unwrap()[0].r2.to_bits(), 0);
    let same = vec![8.0; 50];
    let groups: Vec<u32> = (0..50).collect();
    assert!(!assess_columns(&[column(&[1.0; 50])], &same, &groups, &options).unwrap()[0].is_leak);
    let message = find_leaks(&[column(&[1.0])], &same, &groups, &options).unwrap_err().to_string();
    assert_eq!(message, "invalid column \"x\" of 1 rows: expected 50 rows");
    assert!(find_leaks(&[], &[f64::NAN], &[0], &options).is_err());
}
