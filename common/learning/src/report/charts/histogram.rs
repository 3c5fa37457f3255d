//! A distribution as bars over an axis.

use super::canvas::{Axis, Canvas};
use super::scale::range;
use super::{Scale, Words, figure};
use crate::report::html::Html;
use crate::report::numbers::{count, count_of, quantile};

const BINS: usize = 36;
const HEIGHT: f64 = 300.0;

/// The axis of a histogram.
pub struct Bins<'a> {
    /// What the values are, with their unit.
    pub name: &'a str,
    /// The text of a value.
    pub text: &'a dyn Fn(f64) -> String,
    /// A value to mark by a dashed line, with its name.
    pub mark: Option<(f64, &'a str)>,
}

/// Draws the distribution of `values`. The outermost 1% of them are counted in the first and the last bar.
pub fn histogram(words: Words<'_>, bins: &Bins<'_>, values: &[f64]) -> Html {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let (Some(low), Some(high)) = (quantile(&values, 0.005), quantile(&values, 0.995)) else {
        return Html::default();
    };
    let marked = bins.mark.map(|(value, _)| value);
    let Some((low, high)) = range([low, high].into_iter().chain(marked)) else { return Html::default() };
    let scale = Scale::linear(low, high);
    let mut counts = [0_u64; BINS];
    for value in &values {
        let bin = (scale.place(*value) * BINS as f64).floor().clamp(0.0, (BINS - 1) as f64);
        counts[bin as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1);
    let text = |value: f64| if value.fract() == 0.0 { count(value as u64) } else { String::new() };
    let x = Axis { scale, name: bins.name, text: bins.text };
    let y = Axis { scale: Scale::linear(0.0, most as f64 * 1.06), name: "ads", text: &text };
    let mut canvas = Canvas::new(HEIGHT, &x, &y);
    let (low, high) = scale.ends();
    let edge = |n: usize| low + (high - low) * n as f64 / BINS as f64;
    for (n, ads) in counts.into_iter().enumerate().filter(|(_, ads)| *ads > 0) {
        let place =
            [canvas.x(edge(n)) + 0.5, canvas.x(edge(n + 1)) - 0.5, canvas.y(ads as f64), canvas.y(0.0)];
        let (from, to) = ((bins.text)(edge(n)), (bins.text)(edge(n + 1)));
        canvas.bar("bar", place, &format!("{from} to {to}: {}", count_of(ads, "ad", "ads")));
    }
    if let Some((value, name)) = bins.mark {
        let [_, _, top, bottom] = canvas.plot();
        let at = canvas.x(value);
        canvas.line("reference", (at, top), (at, bottom));
        canvas.legend(&[("reference", name)]);
    }
    let (size, drawing) = canvas.finish();
    figure(words, size, &drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bar() {
        let values: Vec<f64> =
            (0..1000).map(|n| f64::from(n * n % 997) - 300.0).chain([1e9, -1e9, f64::NAN]).collect();
        let words = Words { id: "h", title: "Values", reading: "Values." };
        let text = |value: f64| format!("{value:.0}");
        let bins = Bins { name: "value", text: &text, mark: Some((0.0, "zero")) };
        let chart = histogram(words, &bins, &values);
        let ads = |part: &str| {
            part.split("</title>").next()?.strip_suffix(" ads")?.split(": ").nth(1)?.parse::<u64>().ok()
        };
        let drawn: u64 = chart.as_str().split("<title>").filter_map(ads).sum();
        assert_eq!(drawn, 1002);
        assert!(histogram(words, &bins, &[f64::NAN]).is_empty());
    }
}
