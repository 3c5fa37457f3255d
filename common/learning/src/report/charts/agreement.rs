//! Predicted against actual values, on logarithmic axes with the line of equal values.

use std::collections::BTreeMap;

use super::canvas::{Axis, Canvas, through};
use super::scale::range;
use super::{Scale, Words, figure};
use crate::report::html::Html;
use crate::report::numbers::{count_of, number};

/// Up to this number of pairs, each is a point; more are counted in hexagons.
pub const MOST_POINTS: usize = 2000;

/// Radius of a hexagon in units of the drawing, and the number of shades.
const RADIUS: f64 = 6.5;
const SHADES: usize = 6;

const HEIGHT: f64 = 430.0;

/// Draws pairs of a positive actual and a positive predicted value. `names` are those of the two axes, the actual
/// value first.
pub fn agreement(words: Words<'_>, names: [&str; 2], pairs: &[(f64, f64)]) -> Html {
    let is_drawn = |(a, b): &&(f64, f64)| a.is_finite() && b.is_finite() && *a > 0.0 && *b > 0.0;
    let pairs: Vec<(f64, f64)> = pairs.iter().filter(is_drawn).copied().collect();
    let Some((low, high)) = range(pairs.iter().flat_map(|(actual, predicted)| [*actual, *predicted])) else {
        return Html::default();
    };
    let scale = Scale::log_around([low, high].into_iter());
    let text = |value: f64| number(value, 0);
    let axis = |name| Axis { scale, name, text: &text };
    let mut canvas = Canvas::new(HEIGHT, &axis(names[0]), &axis(names[1]));
    let places: Vec<(f64, f64)> = pairs.iter().map(|(a, p)| (canvas.x(*a), canvas.y(*p))).collect();
    if places.len() <= MOST_POINTS {
        draw_points(&mut canvas, &places);
    } else {
        draw_hexagons(&mut canvas, &places);
    }
    let (low, high) = scale.ends();
    let ends = [low, high].map(|value| (canvas.x(value), canvas.y(value)));
    canvas.path("reference", &ends);
    canvas.legend(&[("reference", "equal")]);
    let (size, drawing) = canvas.finish();
    figure(words, size, &drawing)
}

/// Draws points in several layers, so that places with many points are darker.
fn draw_points(canvas: &mut Canvas, places: &[(f64, f64)]) {
    const LAYERS: usize = 4;
    for layer in 0..LAYERS {
        let places: Vec<_> = places.iter().skip(layer).step_by(LAYERS).copied().collect();
        canvas.points("dots", &places);
    }
}

fn draw_hexagons(canvas: &mut Canvas, places: &[(f64, f64)]) {
    let mut counts = BTreeMap::<(i64, i64), u64>::new();
    for place in places {
        *counts.entry(hexagon(*place)).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(1).max(2) as f64;
    for ((row, column), ads) in counts {
        let (x, y) = centre(row, column);
        // Shades by the logarithm of the count: single ads stay visible beside the crowd.
        let shade = (ads as f64).ln() / most.ln();
        let opacity = 0.16 + 0.84 * (shade * (SHADES - 1) as f64).round() / (SHADES - 1) as f64;
        let corner = |n: i32| {
            let angle = f64::from(60 * n + 30).to_radians();
            (x + RADIUS * angle.cos(), y + RADIUS * angle.sin())
        };
        let path = through(&(0..6).map(corner).collect::<Vec<_>>());
        let tooltip = count_of(ads, "ad", "ads");
        canvas.push(&format!(
            "<path class=\"cell\" opacity=\"{opacity:.2}\" d=\"{path}Z\"><title>{tooltip}</title></path>\n"
        ));
    }
}

fn centre(row: i64, column: i64) -> (f64, f64) {
    let width = RADIUS * 3_f64.sqrt();
    let shift = if row.rem_euclid(2) == 1 { 0.5 } else { 0.0 };
    ((column as f64 + shift) * width, row as f64 * RADIUS * 1.5)
}

/// The row and column of the hexagon whose centre is nearest.
fn hexagon((x, y): (f64, f64)) -> (i64, i64) {
    let width = RADIUS * 3_f64.sqrt();
    let row = (y / (RADIUS * 1.5)).floor() as i64;
    let candidates = [row, row + 1].map(|row| {
        let shift = if row.rem_euclid(2) == 1 { 0.5 } else { 0.0 };
        let column = (x / width - shift).round() as i64;
        let (cx, cy) = centre(row, column);
        ((x - cx).powi(2) + (y - cy).powi(2), (row, column))
    });
    let [first, second] = candidates;
    if second.0 < first.0 { second.1 } else { first.1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'static> = Words { id: "pairs", title: "Pairs", reading: "All pairs." };

    #[test]
    fn few_pairs_are_points_and_many_are_hexagons_whose_counts_add_up() {
        let pairs: Vec<(f64, f64)> =
            (0..5000).map(|n| (1000.0 + f64::from(n), 1500.0 + f64::from(n % 900))).collect();
        let few = agreement(WORDS, ["actual", "predicted"], &pairs[..100]);
        assert_eq!(few.as_str().matches("h0").count(), 100);
        let many = agreement(WORDS, ["actual", "predicted"], &pairs);
        let drawn: u64 = many
            .as_str()
            .split("<title>")
            .filter_map(|part| part.split(" ad").next()?.parse::<u64>().ok())
            .sum();
        assert_eq!(drawn, 5000);
        assert!(!many.as_str().contains("h0"));
    }

    #[test]
    fn pairs_that_have_no_place_are_left_out() {
        let odd = [(f64::NAN, 1.0), (0.0, 5.0), (-3.0, 5.0), (3.0, f64::INFINITY)];
        assert!(agreement(WORDS, ["a", "p"], &odd).is_empty());
        let one = agreement(WORDS, ["a", "p"], &[odd[0], odd[1], (2000.0, 2000.0)]);
        assert_eq!(one.as_str().matches("h0").count(), 1);
        assert!(!one.as_str().contains("NaN") && !one.as_str().contains("inf"));
    }
}
