//! Axes: from values to places, and the values that are marked.

/// A linear or logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Scale {
    /// A linear axis from `low` to `high`. An empty range is widened.
    pub fn linear(low: f64, high: f64) -> Self {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        let room = if high - low > 0.0 { 0.0 } else { (low.abs() * 0.1).max(0.5) };
        Self { low: low - room, high: high + room, is_log: false }
    }

    /// A linear axis over `values` that are finite, with a margin of 4% on both sides; from 0 to 1 for no values.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let room = (high - low) * 0.04;
        Self::linear(low - room, high + room)
    }

    /// A logarithmic axis over the positive ones of `values`, with a small margin on both sides.
    pub fn log_around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values.filter(|value| *value > 0.0)).unwrap_or((1.0, 10.0));
        let (low, high) = if high > low { (low, high) } else { (low / 2.0, high * 2.0) };
        let room = (high / low).powf(0.03);
        Self { low: low / room, high: high * room, is_log: true }
    }

    /// The axis from the value at 0, its low end, to the value at 1.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The place of `value`: 0 at the low end, 1 at the high end, beyond them outside the axis.
    pub fn place(&self, value: f64) -> f64 {
        if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Round values inside the axis, about `wanted` of them.
    pub fn ticks(&self, wanted: usize) -> Vec<f64> {
        if self.is_log {
            for steps in [&[1.0, 2.0, 5.0][..], &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]] {
                let ticks = self.powers(steps);
                if ticks.len() >= 3 {
                    let every = ticks.len().div_ceil(wanted.max(2) + 2);
                    return ticks.into_iter().step_by(every).collect();
                }
            }
        }
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.low / step - 1e-9).ceil();
        (0..50)
            .map(|n| (first + f64::from(n)) * step)
            .take_while(|tick| *tick <= self.high + step * 1e-9)
            .map(|tick| if tick.abs() < step * 1e-6 { 0.0 } else { tick })
            .collect()
    }

    fn powers(&self, steps: &[f64]) -> Vec<f64> {
        let mut ticks = Vec::new();
        for exponent in self.low.log10().floor() as i32..=self.high.log10().ceil() as i32 {
            let power = 10_f64.powi(exponent);
            let inside = |tick: &f64| (self.low..=self.high).contains(tick);
            ticks.extend(steps.iter().map(|step| step * power).filter(inside));
        }
        ticks
    }
}

/// The smallest and the largest of the finite values.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round_values() {
        assert_eq!(Scale::linear(0.0, 100.0).ticks(5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::linear(-0.3, 0.3).ticks(4), [-0.2, 0.0, 0.2]);
        let salaries = Scale::log_around([900.0, 21_000.0].into_iter());
        assert_eq!(salaries.ticks(6), [1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0]);
    }

    proptest! {
        #[test]
        fn every_axis_has_few_ticks_and_all_are_inside(a in -1e6_f64..1e6, b in -1e6_f64..1e6) {
            for scale in [Scale::linear(a, b), Scale::log_around([a.abs() + 1.0, b.abs() + 1.0].into_iter())] {
                let ticks = scale.ticks(5);
                prop_assert!(!ticks.is_empty() && ticks.len() <= 14, "{:?}", ticks);
                for tick in ticks {
                    let place = scale.place(tick);
                    prop_assert!((-1e-6..=1.0 + 1e-6).contains(&place), "{} at {}", tick, place);
                }
            }
        }
    }
}
