//! Sections: how well each class is predicted; the words that tell it from others.

use std::cmp::Reverse;

use super::{DIGITS, NAMED, RoleReport};
use crate::evaluation::classification::ClassMetrics;
use crate::report::html::Section;
use crate::report::numbers::{count, number};
use crate::report::table::Table;

/// Largest number of rows of a table that is not folded away.
const MOST_ROWS: usize = 40;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("classes", "Each class");
    let judged = report.judged().into_iter().filter(|(_, evaluation)| !evaluation.by_class.is_empty());
    for (n, (part, evaluation)) in judged.enumerate() {
        if n == 0 {
            section.paragraph(
                "Precision is the share of the ads with a label that are of the class, recall the share of the ads of the \
                 class that get the label, F1 the harmonic mean of the two.",
            );
        }
        if let Some((best, worst)) = best_and_worst(&evaluation.by_class) {
            section.paragraph(&format!(
                "On the {part} ads, of the classes with at least {NAMED} ads the best is \"{}\" with an F1 of {}, the worst \
                 \"{}\" with {}.",
                report.class(best.class),
                number(best.f1, DIGITS),
                report.class(worst.class),
                number(worst.f1, DIGITS)
            ));
        }
        let table = table(report, part, &evaluation.by_class);
        if n > 0 || table.len() > MOST_ROWS { section.folded_table(&table) } else { section.table(&table) }
    }
    section
}

fn table(report: &RoleReport, part: &str, by_class: &[ClassMetrics]) -> Table {
    let mut classes: Vec<&ClassMetrics> = by_class.iter().collect();
    classes.sort_by_key(|metrics| (Reverse(metrics.support), metrics.class));
    let mut table = Table::new(
        &format!("{} by class on the {part} ads, classes with most ads first", report.model),
        &["Class", "Precision", "Recall", "F1", "Ads of the class", "Ads with the label"],
    );
    for metrics in classes {
        table.row(vec![
            report.class(metrics.class),
            number(metrics.precision, DIGITS),
            number(metrics.recall, DIGITS),
            number(metrics.f1, DIGITS),
            count(metrics.support),
            count(metrics.predicted),
        ]);
    }
    table
}

/// The classes with the largest and the smallest F1 of those with enough ads; `None` if fewer than two have.
pub(super) fn best_and_worst(by_class: &[ClassMetrics]) -> Option<(&ClassMetrics, &ClassMetrics)> {
    let mut named: Vec<&ClassMetrics> =
        by_class.iter().filter(|metrics| metrics.support >= NAMED && metrics.f1.is_finite()).collect();
    named.sort_by(|a, b| b.f1.total_cmp(&a.f1).then_with(|| a.class.cmp(&b.class)));
    let worst = named.pop()?;
    Some((*named.first()?, worst))
}

pub(super) fn words(report: &RoleReport) -> Section {
    let mut section = Section::new("words", "Telling words");
    if report.classes.iter().all(|class| class.words.is_empty()) {
        return section;
    }
    section.paragraph(
        "What ads of a class say more often than others do: words and pairs of words with the largest log odds, in standard \
         deviations under a prior of all ads, the most telling first.",
    );
    let mut table =
        Table::new("The most telling words of each class", &["Class", "Ads", "Words"]).texts(&[2]);
    for (code, class) in (0..).zip(&report.classes).filter(|(_, class)| !class.words.is_empty()) {
        table.row(vec![report.class(code), count(class.ads), class.words.join(", ")]);
    }
    if table.len() > MOST_ROWS {
        section.folded_table(&table);
    } else {
        section.table(&table);
    }
    section
}
