//! Lines over a number or over time, with error bars; reliability of probabilities.

use chrono::{DateTime, Datelike, NaiveDate};

use super::canvas::{Axis, Canvas};
use super::{Scale, Words, figure};
use crate::report::html::Html;
use crate::report::numbers::percent;

const HEIGHT: f64 = 320.0;

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knot {
    /// Horizontal value.
    pub x: f64,
    /// Vertical value.
    pub y: f64,
    /// Ends of the interval of `y`.
    pub interval: Option<(f64, f64)>,
}

/// A line with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Name in the legend.
    pub name: &'a str,
    /// Points by increasing `x`.
    pub knots: Vec<Knot>,
}

/// The two axes of a chart of lines.
pub struct Frame<'a> {
    /// What the horizontal values are, with their unit.
    pub x_name: &'a str,
    /// The text of a horizontal value.
    pub x_text: &'a dyn Fn(f64) -> String,
    /// Whether the horizontal axis is logarithmic.
    pub x_is_log: bool,
    /// What the vertical values are, with their unit.
    pub y_name: &'a str,
    /// The text of a vertical value.
    pub y_text: &'a dyn Fn(f64) -> String,
    /// A vertical value to mark by a dashed line, with its name.
    pub mark: Option<(f64, &'a str)>,
    /// Whether the vertical axis starts at zero.
    pub from_zero: bool,
}

/// Draws up to three lines.
pub fn lines(words: Words<'_>, frame: &Frame<'_>, lines: &[Line<'_>]) -> Html {
    let is_drawn =
        |knot: &Knot| knot.x.is_finite() && knot.y.is_finite() && (!frame.x_is_log || knot.x > 0.0);
    let lines: Vec<(&str, Vec<Knot>)> = lines
        .iter()
        .map(|line| (line.name, line.knots.iter().copied().filter(is_drawn).collect()))
        .filter(|(_, knots): &(_, Vec<Knot>)| !knots.is_empty())
        .collect();
    if lines.is_empty() {
        return Html::default();
    }
    let every = || lines.iter().flat_map(|(_, knots)| knots);
    let xs = every().map(|knot| knot.x);
    let x = if frame.x_is_log { Scale::log_around(xs) } else { Scale::around(xs) };
    let ys = every().flat_map(|knot| {
        let (low, high) = knot.interval.unwrap_or((knot.y, knot.y));
        [knot.y, low, high]
    });
    let y = Scale::around(ys.chain(frame.mark.map(|(value, _)| value)).chain(frame.from_zero.then_some(0.0)));
    let y = if frame.from_zero { Scale::linear(y.ends().0.max(0.0), y.ends().1) } else { y };
    let x = Axis { scale: x, name: frame.x_name, text: frame.x_text };
    let y = Axis { scale: y, name: frame.y_name, text: frame.y_text };
    let mut canvas = Canvas::new(HEIGHT, &x, &y);
    let mut legend = Vec::new();
    for ((name, knots), look) in lines.iter().zip(["", " other", " plain"]) {
        draw(&mut canvas, knots, look);
        legend.push((["curve", "curve other", "curve plain"][legend.len()], *name));
    }
    if let Some((value, name)) = frame.mark {
        let [left, right, _, _] = canvas.plot();
        let at = canvas.y(value);
        canvas.line("reference", (left, at), (right, at));
        legend.push(("reference", name));
    }
    if legend.len() > 1 {
        canvas.legend(&legend);
    }
    let (size, drawing) = canvas.finish();
    figure(words, size, &drawing)
}

fn draw(canvas: &mut Canvas, knots: &[Knot], look: &str) {
    let ends: Vec<(f64, f64, f64)> = knots
        .iter()
        .filter_map(|knot| knot.interval.map(|(low, high)| (knot.x, low, high)))
        .filter(|(_, low, high)| low.is_finite() && high.is_finite())
        .collect();
    for (x, low, high) in ends {
        let (x, low, high) = (canvas.x(x), canvas.y(low), canvas.y(high));
        canvas.line("error", (x, low), (x, high));
    }
    let places: Vec<(f64, f64)> = knots.iter().map(|knot| (canvas.x(knot.x), canvas.y(knot.y))).collect();
    canvas.path(&format!("curve{look}"), &places);
    canvas.points(&format!("knots{look}"), &places);
}

/// A date as horizontal value: days since 1970.
pub fn day(date: NaiveDate) -> f64 {
    f64::from(date.num_days_from_ce() - 719_163)
}

/// The text of a [`day`], as `Mar 2025`.
pub fn month_of(day: f64) -> String {
    DateTime::from_timestamp(day as i64 * 86_400, 0)
        .map_or_else(String::new, |date| date.format("%b %Y").to_string())
}

/// Draws how often something happened against how probable it was said to be; both from 0 to 1.
pub fn reliability(words: Words<'_>, names: [&str; 2], knots: &[Knot]) -> Html {
    let knots: Vec<Knot> =
        knots.iter().copied().filter(|knot| knot.x.is_finite() && knot.y.is_finite()).collect();
    if knots.is_empty() {
        return Html::default();
    }
    let text = |share: f64| percent(share, 0);
    let axis = |name| Axis { scale: Scale::linear(0.0, 1.0), name, text: &text };
    let mut canvas = Canvas::new(430.0, &axis(names[0]), &axis(names[1]));
    let ends = [0.0, 1.0].map(|share| (canvas.x(share), canvas.y(share)));
    canvas.path("reference", &ends);
    draw(&mut canvas, &knots, "");
    canvas.legend(&[("curve", "measured"), ("reference", "perfect")]);
    let (size, drawing) = canvas.finish();
    figure(words, size, &drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        let date = NaiveDate::from_ymd_opt(2025, 3, 14).unwrap();
        assert_eq!(day(NaiveDate::from_ymd_opt(1970, 1, 2).unwrap()).to_bits(), 1.0_f64.to_bits());
        assert_eq!(month_of(day(date)), "Mar 2025");
    }

    #[test]
    fn lines_without_points_are_left_out() {
        let words = Words { id: "l", title: "Lines", reading: "Lines." };
        let text = |value: f64| format!("{value:.0}");
        let frame = Frame {
            x_name: "ads",
            x_text: &text,
            x_is_log: true,
            y_name: "MAE",
            y_text: &text,
            mark: Some((5.0, "baseline")),
            from_zero: false,
        };
        let knot = |x, y| Knot { x, y, interval: Some((y - 1.0, y + 1.0)) };
        let full = Line { name: "model", knots: vec![knot(100.0, 9.0), knot(0.0, 3.0), knot(200.0, 7.0)] };
        let empty = Line { name: "nothing", knots: vec![knot(f64::NAN, 1.0)] };
        let chart = lines(words, &frame, &[full, empty.clone()]);
        assert_eq!((chart.as_str().matches("h0").count(), chart.as_str().matches("nothing").count()), (2, 0));
        assert!(chart.as_str().contains("baseline"));
        assert!(lines(words, &frame, &[empty]).is_empty());
        assert!(reliability(words, ["said", "was"], &[]).is_empty());
    }
}
