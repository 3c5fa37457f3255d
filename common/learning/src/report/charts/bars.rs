//! Named values as horizontal bars. The name stands above its bar, so that long names fit on every screen.

use super::canvas::{WIDTH, label, short};
use super::scale::range;
use super::{Scale, Words, figure};
use crate::report::html::{Html, escape, shorten};

const ROW: f64 = 44.0;
const TOP: f64 = 26.0;
const NAME_CHARS: usize = 52;

/// Width for the texts of the values, to the right of the bars.
const AMOUNTS: f64 = 76.0;

/// A named value.
#[derive(Debug, Clone, Default)]
pub struct Bar {
    /// The name.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Ends of the interval of the value.
    pub interval: Option<(f64, f64)>,
    /// Style of the bar.
    pub look: Look,
}

/// Style of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// What the chart is about.
    #[default]
    Main,
    /// What it is compared with.
    Plain,
    /// What stands out.
    Other,
    /// A value that raises something.
    High,
    /// A value that lowers something.
    Low,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Main => "bar",
            Self::Plain => "bar plain",
            Self::Other => "bar other",
            Self::High => "bar high",
            Self::Low => "bar low",
        }
    }
}

/// The axis of the bars.
pub struct Measure<'a> {
    /// What the values are, with their unit.
    pub name: &'a str,
    /// The text of a value.
    pub text: &'a dyn Fn(f64) -> String,
    /// A value to mark by a dashed line, with its name.
    pub mark: Option<(f64, &'a str)>,
    /// Whether values are bars from zero; otherwise they are points on an axis around them.
    pub from_zero: bool,
}

/// Draws named values in the order given.
pub fn bars(words: Words<'_>, measure: &Measure<'_>, values: &[Bar]) -> Html {
    let values: Vec<&Bar> = values.iter().filter(|bar| bar.value.is_finite()).collect();
    let every = values.iter().flat_map(|bar| {
        let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
        [bar.value, low, high]
    });
    let zero = measure.from_zero.then_some(0.0);
    let Some((low, high)) = range(every.chain(measure.mark.map(|(value, _)| value)).chain(zero)) else {
        return Html::default();
    };
    if values.is_empty() {
        return Html::default();
    }
    let room = if measure.from_zero { 0.0 } else { (high - low) * 0.06 };
    let scale = Scale::linear(low - room, high);
    let place = |value: f64| 2.0 + scale.place(value).clamp(0.0, 1.0) * (WIDTH - AMOUNTS - 4.0);
    let start = place(if measure.from_zero { 0.0 } else { low - room });
    let bottom = TOP + values.len() as f64 * ROW;
    let mut drawing = label("", (0.0, 12.0), measure.name);
    drawing.push_str(&line("axis", (start, TOP), (start, bottom)));
    for (n, bar) in values.iter().enumerate() {
        let top = TOP + n as f64 * ROW + 23.0;
        let text = (measure.text)(bar.value);
        let range =
            bar.interval.map(|(low, high)| format!(" ({} to {})", (measure.text)(low), (measure.text)(high)));
        let tooltip = format!("{}: {text}{}", bar.name, range.unwrap_or_default());
        drawing.push_str(&label("name", (2.0, top - 6.5), &shorten(&bar.name, NAME_CHARS)));
        drawing.push_str(&label("amount end", (WIDTH - 2.0, top + 11.5), &text));
        let (left, right) = (start.min(place(bar.value)), start.max(place(bar.value)));
        let (class, tooltip) = (bar.look.class(), escape(&tooltip));
        let mark = if measure.from_zero {
            let [left, width] = [left, (right - left).max(1.0)].map(short);
            format!(
                "<rect class=\"{class}\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"13\" rx=\"1.5\">\
                 <title>{tooltip}</title></rect>\n",
                short(top)
            )
        } else {
            let [x, y] = [place(bar.value), top + 6.5].map(short);
            format!(
                "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"6.5\"><title>{tooltip}</title></circle>\n"
            )
        };
        drawing.push_str(&mark);
        if let Some((low, high)) = bar.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
            let (low, high, middle) = (place(low), place(high), top + 6.5);
            drawing.push_str(&line("error", (low, middle), (high, middle)));
            for end in [low, high] {
                drawing.push_str(&line("error", (end, middle - 4.0), (end, middle + 4.0)));
            }
        }
    }
    if let Some((value, name)) = measure.mark {
        let at = place(value);
        drawing.push_str(&line("reference", (at, TOP), (at, bottom)));
        let (class, at) = if at > WIDTH / 2.0 { ("end", at - 6.0) } else { ("", at + 6.0) };
        drawing.push_str(&label(class, (at, bottom + 16.0), name));
    }
    let height = bottom + if measure.mark.is_some() { 22.0 } else { 4.0 };
    figure(words, (WIDTH, height), &drawing)
}

fn line(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    format!("<path class=\"{class}\" d=\"M{} {}L{} {}\"/>\n", short(x1), short(y1), short(x2), short(y2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_their_values_and_intervals_in_the_tooltip() {
        let words = Words { id: "b", title: "Errors", reading: "Errors by class." };
        let text = |value: f64| format!("{value:.0}");
        let measure = Measure { name: "MAE", text: &text, mark: None, from_zero: true };
        let bar = |name: &str, value| Bar { name: name.to_owned(), value, ..Bar::default() };
        let values = [
            Bar { interval: Some((900.0, 1100.0)), ..bar("<script>", 1000.0) },
            bar("missing", f64::NAN),
            bar("below", -200.0),
        ];
        let chart = bars(words, &measure, &values);
        let chart = chart.as_str();
        assert!(chart.contains("<title>&lt;script&gt;: 1000 (900 to 1100)</title>"), "{chart}");
        assert_eq!((chart.matches("<rect").count(), chart.matches("class=\"error\"").count()), (2, 3));
        assert!(!chart.contains("missing") && !chart.contains("NaN"));
        assert!(bars(words, &measure, &values[1..2]).is_empty());
    }
}
