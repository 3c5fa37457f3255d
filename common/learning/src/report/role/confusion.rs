//! Section: which classes are taken for which, as a shaded matrix and as a list of pairs.

use std::cmp::Reverse;
use std::fmt::Write;

use super::RoleReport;
use crate::evaluation::classification::confusion::Confusion;
use crate::report::Html;
use crate::report::html::{Section, escape, shorten};
use crate::report::numbers::{count, percent};
use crate::report::table::Table;

/// Largest number of classes in the matrix.
const MOST_CLASSES: usize = 25;
/// Largest number of pairs in the table.
const MOST_PAIRS: usize = 15;
/// Largest number of characters of a name in the matrix.
const NAME_CHARS: usize = 40;
/// Least share of the actual class's ads for each shade; a cell with less than the first has none.
const SHADES: [f64; 5] = [0.02, 0.05, 0.1, 0.25, 0.5];

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("confusion", "Which classes are taken for which");
    let found = report
        .judged()
        .into_iter()
        .find_map(|(part, evaluation)| Some((part, evaluation.confusion.as_ref()?)))
        .filter(|(_, confusion)| !confusion.classes.is_empty());
    let Some((part, confusion)) = found else { return section };
    section.paragraph(&format!(
        "A row holds the {part} ads of one actual class, a column those with one label. Classes that are taken for each \
         other stand beside each other."
    ));
    let places = frequent(confusion);
    let left_out = confusion.classes.len() - places.len();
    let which = if left_out == 0 {
        "All classes".to_owned()
    } else {
        format!("The {} classes with most ads of {}", places.len(), confusion.classes.len())
    };
    let shades = SHADES.map(|share| percent(share, 0)).join(", ");
    let caption = format!("{which}; shades begin at {shades} of the row's ads");
    section.html(&matrix(report, confusion, &places, &caption));
    section.table(&pairs(report, part, confusion));
    section
}

/// The ads of the actual class at `row` with the label at `column`.
fn cell(confusion: &Confusion, row: usize, column: usize) -> u64 {
    confusion.counts.get(row).and_then(|counts| counts.get(column)).copied().unwrap_or(0).into()
}

/// The ads of the actual class at `row`.
fn total(confusion: &Confusion, row: usize) -> u64 {
    confusion.counts.get(row).map_or(0, |counts| counts.iter().copied().map(u64::from).sum())
}

/// The places of the classes with most ads, in the order of the confusion.
fn frequent(confusion: &Confusion) -> Vec<usize> {
    let mut places: Vec<usize> = (0..confusion.classes.len()).collect();
    places.sort_by_key(|place| (Reverse(total(confusion, *place)), *place));
    places.truncate(MOST_CLASSES);
    places.sort_unstable();
    places
}

/// The style of a cell with a share of its row: its shade, and whether actual class and label are the same.
fn style(share: f64, is_own: bool) -> String {
    let heat = SHADES.partition_point(|least| *least <= share);
    let own = if is_own { " own" } else { "" };
    if heat == 0 { format!("number{own}") } else { format!("number heat{heat}{own}") }
}

/// The rows and columns of `places`, and a column for all other labels if there are any.
fn matrix(report: &RoleReport, confusion: &Confusion, places: &[usize], caption: &str) -> Html {
    let mut text = format!(
        "<div class=\"table matrix\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\
         <table><caption><span>{0}</span></caption>\n<thead><tr><th scope=\"col\">Actual class</th>",
        escape(caption)
    );
    let names: Vec<String> = places.iter().map(|place| report.class(confusion.classes[*place])).collect();
    for (n, name) in (1..).zip(&names) {
        let name = escape(name);
        let _ = write!(text, "<th scope=\"col\" class=\"number\"><abbr title=\"{name}\">{n}</abbr></th>");
    }
    let has_others = places.len() < confusion.classes.len();
    if has_others {
        text.push_str("<th scope=\"col\" class=\"number\">others</th>");
    }
    text.push_str("<th scope=\"col\" class=\"number\">all</th></tr></thead>\n<tbody>\n");
    for ((n, name), row) in (1..).zip(&names).zip(places) {
        let all = total(confusion, *row);
        let _ = write!(text, "<tr><th scope=\"row\">{n} {}</th>", escape(&shorten(name, NAME_CHARS)));
        let mut left = all;
        for column in places {
            let ads = cell(confusion, *row, *column);
            left = left.saturating_sub(ads);
            push_cell(&mut text, ads, all, row == column);
        }
        if has_others {
            push_cell(&mut text, left, all, false);
        }
        let _ = writeln!(text, "<td class=\"number\">{}</td></tr>", count(all));
    }
    text.push_str("</tbody></table></div>\n");
    Html::raw(text)
}

/// Adds a cell; one without ads is empty.
fn push_cell(text: &mut String, ads: u64, all: u64, is_own: bool) {
    let shown = if ads == 0 { String::new() } else { count(ads) };
    let _ = write!(text, "<td class=\"{}\">{shown}</td>", style(ads as f64 / all as f64, is_own));
}

fn pairs(report: &RoleReport, part: &str, confusion: &Confusion) -> Table {
    let mut table = Table::new(
        &format!("The pairs of classes that are most often confused on the {part} ads"),
        &["Actual class", "Taken for", "Ads", "Share of the actual class"],
    )
    .texts(&[1]);
    for (actual, predicted, ads) in confusion.worst(MOST_PAIRS) {
        let row = confusion.classes.iter().position(|class| *class == actual);
        let all = row.map_or(0, |row| total(confusion, row));
        table.row(vec![
            report.class(actual),
            report.class(predicted),
            count(ads.into()),
            percent(f64::from(ads) / all as f64, 1),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shade_begins_at_its_share() {
        assert_eq!(style(0.0, false), "number");
        assert_eq!(style(0.019, false), "number");
        assert_eq!(style(0.02, false), "number heat1");
        assert_eq!(style(0.9, true), "number heat5 own");
        assert_eq!(style(f64::NAN, false), "number");
    }

    #[test]
    fn the_most_frequent_classes_keep_their_order() {
        let actual: Vec<u32> = (0..30u32).flat_map(|class| vec![class; class as usize + 1]).collect();
        let confusion = Confusion::of(&actual, &actual);
        let places = frequent(&confusion);
        assert!(places.len() == MOST_CLASSES && places.is_sorted());
        assert!(places.iter().all(|place| confusion.classes[*place] >= 5), "{places:?}");
    }
}
