//! Section: what ads with identical texts say about the labels, and so about the best score that texts allow.

use super::{DIGITS, RoleReport};
use crate::report::html::{Section, Tone};
use crate::report::numbers::{count, count_of, number, percent};
use crate::report::table::Table;

/// Largest number of pairs in the table.
const MOST_PAIRS: usize = 15;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("ceiling", "Ceiling by identical texts");
    let Some(ceiling) = &report.ceiling else { return section };
    section.paragraph(&format!(
        "{} share their text with another ad: {}, of which {} have ads of several classes. If each of these ads gets the class \
         that most other ads with its text have, {} of the labels are right, with a macro-F1 of {}.",
        count_of(ceiling.rows, "ad", "ads"),
        count_of(ceiling.texts, "text", "texts"),
        count(ceiling.mixed_texts),
        percent(ceiling.accuracy, 1),
        number(ceiling.macro_f1, DIGITS)
    ));
    section.callout(
        Tone::Note,
        "On ads like these no model that reads texts alone can be expected to do much better. They need not be like all ads.",
    );
    let all = ceiling.confused.len();
    let caption = if all > MOST_PAIRS {
        format!("The {MOST_PAIRS} pairs of classes that share most texts, of {}", count(all as u64))
    } else {
        "Pairs of classes that share a text".to_owned()
    };
    let columns = ["Class", "Other class", "Texts with ads of both"];
    let mut table = Table::new(&caption, &columns).texts(&[1]);
    for pair in ceiling.confused.iter().take(MOST_PAIRS) {
        let [one, other] = pair.classes.map(|class| report.class(class));
        table.row(vec![one, other, count(pair.texts.into())]);
    }
    section.table(&table);
    section
}
