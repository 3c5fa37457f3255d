//! A confusion matrix as a grid of shaded cells.

use std::fmt::Write;

use super::canvas::{WIDTH, label, short};
use super::{Words, figure};
use crate::report::html::{Html, escape, shorten};
use crate::report::numbers::{count_of, percent};

const LEFT: f64 = 190.0;
const MOST_CLASSES: usize = 30;

/// Draws how often each actual class, a row, was predicted as each class, a column; `counts[actual][predicted]`. Only
/// the first 30 classes are drawn. Columns have the numbers of the rows.
pub fn confusion(words: Words<'_>, classes: &[String], counts: &[Vec<u64>]) -> Html {
    let shown = classes.len().min(counts.len()).min(MOST_CLASSES);
    if shown == 0 {
        return Html::default();
    }
    let side = ((WIDTH - LEFT) / shown as f64).min(36.0);
    let (top, length) = (40.0, short(side - 1.0));
    let mut drawing = label("", (0.0, 14.0), "actual class");
    drawing.push_str(&label("", (LEFT, 14.0), "predicted class, by number"));
    for (row, class) in classes.iter().take(shown).enumerate() {
        let y = top + row as f64 * side;
        let name = format!("{} {}", row + 1, shorten(class, 24));
        drawing.push_str(&label("end", (LEFT - 8.0, y + side / 2.0 + 4.5), &name));
        if side > 16.0 || row % 5 == 4 || row == 0 {
            let x = LEFT + (row as f64 + 0.5) * side;
            drawing.push_str(&label("middle", (x, top - 8.0), &(row + 1).to_string()));
        }
        let total: u64 = counts[row].iter().sum();
        for (column, ads) in counts[row].iter().take(shown).enumerate() {
            let share = *ads as f64 / total.max(1) as f64;
            let class = if row == column { "bar" } else { "bar other" };
            let predicted = classes.get(column).map_or("", String::as_str);
            let tooltip = format!(
                "{} predicted as {predicted}: {}, {}",
                classes[row],
                count_of(*ads, "ad", "ads"),
                percent(share, 0)
            );
            let _ = writeln!(
                drawing,
                "<rect class=\"{class}\" opacity=\"{:.2}\" x=\"{}\" y=\"{}\" width=\"{length}\" height=\"{length}\">\
                 <title>{}</title></rect>",
                0.04 + 0.96 * share,
                short(LEFT + column as f64 * side),
                short(y),
                escape(&tooltip)
            );
        }
    }
    figure(words, (WIDTH, top + shown as f64 * side + 8.0), &drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_classes_is_a_cell() {
        let words = Words { id: "c", title: "Confusion", reading: "Confusion." };
        let classes = ["a <b>".to_owned(), "c".to_owned()];
        let chart = confusion(words, &classes, &[vec![3, 1], vec![0, 0]]);
        let chart = chart.as_str();
        assert_eq!(chart.matches("<rect").count(), 4);
        assert!(chart.contains("<title>a &lt;b&gt; predicted as c: 1 ad, 25%</title>"), "{chart}");
        assert!(confusion(words, &[], &[]).is_empty());
    }
}
