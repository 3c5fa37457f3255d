//! Section: how true the probabilities are.

use super::{DIGITS, RoleReport};
use crate::evaluation::coverage::{Reliability, ReliabilityBin};
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::curves::{Knot, reliability};
use crate::report::html::Section;
use crate::report::numbers::{count, number, percent, share_interval};
use crate::report::table::Table;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("confidence", "Calibration of the probabilities");
    let parts: Vec<(&str, &Reliability)> = report
        .judged()
        .into_iter()
        .filter_map(|(part, evaluation)| Some((part, evaluation.reliability.as_ref()?)))
        .filter(|(_, reliability)| !reliability.bins.is_empty())
        .collect();
    if parts.is_empty() {
        return section;
    }
    section.paragraph(
        "The probability of the most probable class is calibrated if of all ads with the same probability that share is of \
         the class. The label can be another class than the most probable one: labels favour rare classes more.",
    );
    let charts: Vec<Html> = parts.iter().map(|(part, reliability)| chart(part, reliability)).collect();
    section.figures(&charts);
    for (part, reliability) in parts {
        section.folded_table(&table(part, reliability));
    }
    section
}

fn chart(part: &str, measured: &Reliability) -> Html {
    let knot = |bin: &ReliabilityBin| Knot {
        x: bin.confidence,
        y: bin.share,
        interval: share_interval((bin.share * bin.rows as f64).round() as u64, bin.rows),
    };
    let knots: Vec<Knot> = measured.bins.iter().map(knot).collect();
    let reading = format!(
        "On the {part} ads stated and measured shares differ by {} percentage points on average.",
        number(measured.error * 100.0, 1)
    );
    let (id, title) = (format!("reliability-{part}"), format!("Reliability on the {part} ads"));
    let words = Words { id: &id, title: &title, reading: &reading };
    reliability(words, ["stated probability", "share that is right"], &knots)
}

fn table(part: &str, measured: &Reliability) -> Table {
    let mut table = Table::new(
        &format!("Groups of equal size by probability, {part} ads"),
        &["Group", "Ads", "Mean probability", "Right", "Difference"],
    );
    for (n, bin) in (1..).zip(&measured.bins) {
        table.row(vec![
            format!("{n}"),
            count(bin.rows),
            percent(bin.confidence, 1),
            percent(bin.share, 1),
            number(bin.share - bin.confidence, DIGITS),
        ]);
    }
    table
}
