//! The stated salary as features, for models of roles and clusters. No salary model reads them.

use serde::{Deserialize, Serialize};

use super::schema::{Feature, Reads};
use crate::ads::Ad;

/// The features, in the order of [`PayColumns::transform`].
pub const PAY: &[Feature] = &[
    pay("salary_min", "lower bound", "ln(1 + pay per month)"),
    pay("salary_max", "upper bound", "ln(1 + pay per month)"),
    pay("salary_mid", "middle", "ln(1 + pay per month)"),
    pay("salary_range", "difference of the bounds", "ln(1 + pay per month)"),
    pay("has_salary", "is stated", "0 or 1"),
];

const fn pay(name: &'static str, transformation: &'static str, unit: &'static str) -> Feature {
    Feature::numeric(
        name,
        "salary_min and salary_max; the median where none is stated",
        transformation,
        unit,
        Reads::NotSalary,
    )
}

/// Medians of the training ads, which replace missing salaries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayColumns {
    medians: [f32; 4],
}

impl PayColumns {
    /// Learns the medians of `ads`; without any salary they are 0.
    pub fn fit(ads: &[&Ad]) -> Self {
        let mut medians = [0.0; 4];
        let stated: Vec<[f32; 4]> = ads.iter().filter_map(|ad| stated(ad)).collect();
        for (at, median) in medians.iter_mut().enumerate() {
            let mut values: Vec<f32> = stated.iter().map(|values| values[at]).collect();
            values.sort_unstable_by(f32::total_cmp);
            *median = values.get(values.len() / 2).copied().unwrap_or_default();
        }
        Self { medians }
    }

    /// The features of an ad, in the order of [`PAY`].
    pub fn transform(&self, ad: &Ad) -> [f32; 5] {
        let stated = stated(ad);
        let [min, max, mid, range] = stated.unwrap_or(self.medians);
        [min, max, mid, range, f32::from(stated.is_some())]
    }
}

/// The logarithms of lower bound, upper bound, middle and range.
fn stated(ad: &Ad) -> Option<[f32; 4]> {
    let mid = ad.salary_mid_per_month()?;
    let bound = |bound: Option<f64>| common_core::pay::amount(bound).unwrap_or(mid);
    let (one, other) = (bound(ad.salary_min_per_month), bound(ad.salary_max_per_month));
    let (min, max) = (one.min(other), one.max(other));
    Some([min, max, mid, max - min].map(|amount| amount.ln_1p() as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ad(min: Option<f64>, max: Option<f64>) -> Ad {
        Ad { salary_min_per_month: min, salary_max_per_month: max, ..Ad::default() }
    }

    #[test]
    fn missing_salaries_are_the_median_with_a_flag() {
        let ads = [
            ad(Some(1000.0), Some(3000.0)),
            ad(None, Some(5000.0)),
            ad(None, None),
            ad(Some(f64::NAN), None),
        ];
        let fitted = PayColumns::fit(&ads.iter().collect::<Vec<_>>());
        assert_eq!(fitted.transform(&ads[0])[2], 2000f64.ln_1p() as f32);
        assert_eq!(fitted.transform(&ads[1])[3..], [0.0, 1.0]);
        for missing in &ads[2..] {
            assert_eq!(fitted.transform(missing)[4], 0.0);
            assert_eq!(fitted.transform(missing)[2], 5000f64.ln_1p() as f32);
        }
        assert_eq!(PayColumns::fit(&[]).transform(&ads[2]), [0.0; 5]);
    }

    #[test]
    fn swapped_bounds_are_put_right() {
        let fitted = PayColumns::fit(&[]);
        let straight = fitted.transform(&ad(Some(1000.0), Some(3000.0)));
        assert_eq!(fitted.transform(&ad(Some(3000.0), Some(1000.0))), straight);
    }
}
