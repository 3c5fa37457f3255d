//! Contributions of features: a row for each feature, a point for each example, coloured by the feature's value.

use std::fmt::Write;

use super::canvas::{WIDTH, dots, label, short};
use super::scale::range;
use super::{Scale, Words, evenly, figure};
use crate::report::html::{Html, shorten};

const ROW: f64 = 46.0;
const TOP: f64 = 30.0;
const MOST_EXAMPLES: usize = 150;
const LEVELS: usize = 4;

/// The contributions of one feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The feature's name.
    pub name: String,
    /// For each example, the contribution and the rank of the feature's value among the examples, from 0 for the
    /// lowest to 1 for the highest; no rank for categories and texts.
    pub examples: Vec<(f64, Option<f64>)>,
}

/// Draws rows in the order given, at most 150 examples a row. `text` is that of a contribution.
pub fn swarm(words: Words<'_>, (name, text): (&str, &dyn Fn(f64) -> String), rows: &[Row]) -> Html {
    let every = rows.iter().flat_map(|row| row.examples.iter().map(|(contribution, _)| *contribution));
    let Some((low, high)) = range(every.chain([0.0])).filter(|(low, high)| high > low) else {
        return Html::default();
    };
    let scale = Scale::around([low, high].into_iter());
    let place = |value: f64| 6.0 + scale.place(value) * (WIDTH - 12.0);
    let bottom = TOP + rows.len() as f64 * ROW;
    let zero = place(0.0);
    let mut drawing = label("", (0.0, 12.0), name);
    for tick in scale.ticks(5) {
        let at = short(place(tick));
        let _ = writeln!(drawing, "<path class=\"grid\" d=\"M{at} {TOP}V{}\"/>", short(bottom));
        drawing.push_str(&label("middle", (place(tick), bottom + 18.0), &text(tick)));
    }
    let _ = writeln!(drawing, "<path class=\"axis\" d=\"M{0} {TOP}V{1}\"/>", short(zero), short(bottom));
    for (n, row) in rows.iter().enumerate() {
        let top = TOP + n as f64 * ROW;
        drawing.push_str(&label("name", (2.0, top + 14.0), &shorten(&row.name, 60)));
        drawing.push_str(&draw(row, top + 31.0, &place));
    }
    let mut x = WIDTH - 2.0;
    for (class, name) in [("swarm level-3", "high"), ("swarm level-0", "low"), ("swarm", "no order")] {
        drawing.push_str(&label("end", (x, 12.0), name));
        x -= name.chars().count() as f64 * 9.2 + 8.0;
        let _ = writeln!(drawing, "<path class=\"{class}\" d=\"{}\"/>", dots(&[(x, 8.0)]));
        x -= 16.0;
    }
    figure(words, (WIDTH, bottom + 24.0), &drawing)
}

/// The points of a row: those near the same place are set apart from each other, above and below the middle.
fn draw(row: &Row, middle: f64, place: &dyn Fn(f64) -> f64) -> String {
    let mut heights = [0_u32; 200];
    let mut levels: [Vec<(f64, f64)>; LEVELS + 1] = Default::default();
    for (contribution, rank) in evenly(row.examples.len(), MOST_EXAMPLES).map(|n| row.examples[n]) {
        if !contribution.is_finite() {
            continue;
        }
        let x = place(contribution);
        let column = (x / 3.5).clamp(0.0, 199.0) as usize;
        let step = heights[column];
        heights[column] += 1;
        let distance = f64::from(step.div_ceil(2)).min(6.0) * 1.9;
        let y = if step % 2 == 0 { middle + distance } else { middle - distance };
        let level = rank
            .filter(|rank| rank.is_finite())
            .map_or(LEVELS, |rank| ((rank * LEVELS as f64) as usize).min(LEVELS - 1));
        levels[level].push((x, y));
    }
    let mut drawing = String::new();
    for (level, places) in levels.iter().enumerate().rev().filter(|(_, places)| !places.is_empty()) {
        let class = if level == LEVELS { "swarm".to_owned() } else { format!("swarm level-{level}") };
        let _ = writeln!(drawing, "<path class=\"{class}\" d=\"{}\"/>", dots(places));
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_point_for_each_of_at_most_150_examples() {
        let words = Words { id: "s", title: "Contributions", reading: "Contributions." };
        let text = |value: f64| format!("{value:.1}");
        let row = |name: &str, n: u32| Row {
            name: name.to_owned(),
            examples: (0..n)
                .map(|n| (f64::from(n % 7) - 3.0, (n % 2 == 0).then_some(f64::from(n % 10) / 10.0)))
                .collect(),
        };
        let chart = swarm(words, ("effect", &text), &[row("few", 20), row("many", 5000)]);
        assert_eq!(chart.as_str().matches("h0").count(), 20 + 150 + 3);
        assert!(swarm(words, ("effect", &text), &[row("none", 0)]).is_empty());
    }
}
