//! A drawing with two axes.

use std::fmt::Write;

use super::Scale;
use crate::report::html::escape;

/// Width of a chart in units of the drawing; texts are 14 units high, in narrow columns 17.
pub(super) const WIDTH: f64 = 560.0;

/// A coordinate with at most one decimal.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// An axis with its name and the text of a marked value.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    pub(super) name: &'a str,
    pub(super) text: &'a dyn Fn(f64) -> String,
}

/// A drawing of [`WIDTH`] units with a plot inside.
pub(super) struct Canvas {
    pub(super) height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
    drawing: String,
}

impl Canvas {
    /// Axes with grid lines and texts.
    pub(super) fn new(height: f64, x: &Axis<'_>, y: &Axis<'_>) -> Self {
        let ticks = y.scale.ticks(5);
        let longest = ticks.iter().map(|tick| (y.text)(*tick).chars().count()).max().unwrap_or(1);
        let mut canvas = Self {
            height,
            left: 12.0 + longest as f64 * 9.5,
            right: WIDTH - 14.0,
            top: 28.0,
            bottom: height - 50.0,
            x: x.scale,
            y: y.scale,
            drawing: String::new(),
        };
        let (left, right, bottom) = (canvas.left, canvas.right, canvas.bottom);
        for tick in ticks {
            let at = canvas.y(tick);
            canvas.line("grid", (left, at), (right, at));
            canvas.label("end", (left - 8.0, at + 4.5), &(y.text)(tick));
        }
        canvas.line("axis", (left, bottom), (right, bottom));
        for tick in x.scale.ticks(5) {
            let at = canvas.x(tick);
            canvas.line("axis", (at, bottom), (at, bottom + 5.0));
            canvas.label("middle", (at, bottom + 21.0), &(x.text)(tick));
        }
        canvas.label("end", (right, height - 6.0), x.name);
        canvas.label("", (0.0, 14.0), y.name);
        canvas
    }

    /// The horizontal place of a value.
    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (self.right - self.left)
    }

    /// The vertical place of a value.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - self.y.place(value) * (self.bottom - self.top)
    }

    /// The plot's left, right, top and bottom.
    pub(super) fn plot(&self) -> [f64; 4] {
        [self.left, self.right, self.top, self.bottom]
    }

    /// Adds markup.
    pub(super) fn push(&mut self, markup: &str) {
        self.drawing.push_str(markup);
    }

    /// A line between two places.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.path(class, &[from, to]);
    }

    /// A line through places.
    pub(super) fn path(&mut self, class: &str, places: &[(f64, f64)]) {
        let _ = writeln!(self.drawing, "<path class=\"{class}\" d=\"{}\"/>", through(places));
    }

    /// Points, as one path of lines without length and with round ends.
    pub(super) fn points(&mut self, class: &str, places: &[(f64, f64)]) {
        if !places.is_empty() {
            let _ = writeln!(self.drawing, "<path class=\"{class}\" d=\"{}\"/>", dots(places));
        }
    }

    /// A rectangle with a tooltip.
    pub(super) fn bar(&mut self, class: &str, [left, right, top, bottom]: [f64; 4], tooltip: &str) {
        let [x, y] = [left, top].map(short);
        let [width, height] = [right - left, bottom - top].map(|length| short(length.max(0.0)));
        let tooltip = escape(tooltip);
        let _ = writeln!(
            self.drawing,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\">\
             <title>{tooltip}</title></rect>"
        );
    }

    /// A text.
    pub(super) fn label(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.drawing.push_str(&label(class, at, text));
    }

    /// Names of line styles above the plot, at its right end.
    pub(super) fn legend(&mut self, entries: &[(&str, &str)]) {
        let mut right = self.right;
        for (class, name) in entries.iter().rev() {
            self.label("end", (right, 14.0), name);
            right -= name.chars().count() as f64 * 9.2 + 6.0;
            self.line(class, (right - 24.0, 10.0), (right, 10.0));
            right -= 40.0;
        }
    }

    /// The size and the drawing.
    pub(super) fn finish(self) -> ((f64, f64), String) {
        ((WIDTH, self.height), self.drawing)
    }
}

/// A text at a place.
pub(super) fn label(class: &str, (x, y): (f64, f64), text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text{class} x=\"{}\" y=\"{}\">{}</text>\n", short(x), short(y), escape(text))
}

/// Path data of points.
pub(super) fn dots(places: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (x, y) in places {
        let _ = write!(path, "M{} {}h0", short(*x), short(*y));
    }
    path
}

/// Path data of a line through places.
pub(super) fn through(places: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (n, (x, y)) in places.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if n == 0 { 'M' } else { 'L' }, short(*x), short(*y));
    }
    path
}
