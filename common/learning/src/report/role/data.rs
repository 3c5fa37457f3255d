//! Sections: the ads and their classes; the parts that they are split into.

use super::RoleReport;
use crate::report::html::Section;
use crate::report::numbers::{count, count_of, optional, percent};
use crate::report::shared::date;
use crate::report::table::Table;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("data", "Data");
    let data = &report.data;
    if data.ads == 0 && data.used == 0 {
        return section;
    }
    let posted = data.posted.map_or_else(String::new, |(from, to)| {
        format!(", posted {} to {}", date(Some(from)), date(Some(to)))
    });
    let families = data.families.map_or_else(String::new, |families| {
        format!(" They belong to {}.", count_of(families, "family of reposts", "families of reposts"))
    });
    section.paragraph(&format!(
        "Of {} read, the model was trained on {} with a classification{posted}; {} without one were left out.{families}",
        count_of(data.ads, "ad", "ads"),
        count(data.used),
        count(data.without_class)
    ));
    let mut sentence =
        format!("The ads are of {}.", count_of(report.classes.len() as u64, "class", "classes"));
    if let Some(other) = data.other {
        let ads = report.classes.get(other as usize).map_or(0, |class| class.ads);
        sentence = format!(
            "{sentence} Classifications of fewer than {} are together the class \"{}\", with {}.",
            count_of(data.min_class_ads.into(), "ad", "ads"),
            report.class(other),
            count_of(ads, "ad", "ads")
        );
    }
    section.paragraph(&sentence);
    section
}

pub(super) fn splits(report: &RoleReport) -> Section {
    let mut section = Section::new("splits", "Splits");
    if !report.parts.is_empty() {
        section.paragraph(
            "The parts follow each other in time. The test part is scored once. All reposts of an ad are in one part.",
        );
    }
    let all: u64 = report.parts.iter().map(|part| part.ads).sum();
    let mut table =
        Table::new("Parts", &["Part", "Oldest ad", "Newest ad", "Ads", "Share", "Families", "Classes"]);
    for part in &report.parts {
        table.row(vec![
            part.name.clone(),
            date(part.from),
            date(part.to),
            count(part.ads),
            percent(part.ads as f64 / all as f64, 0),
            optional(part.families.map(|families| families as f64), 0),
            count(part.classes),
        ]);
    }
    section.table(&table);
    let mut table = Table::new(
        &format!("Walk-forward folds, each judged by {} fitted on older ads", report.model),
        &[
            "Fold",
            "Fitted up to",
            "Judged from",
            "Judged to",
            "Fitted on",
            "Judged",
            "Macro-F1",
            "Top-3",
            "Accuracy",
        ],
    );
    for (n, fold) in report.folds.iter().enumerate() {
        table.row(vec![
            (n + 1).to_string(),
            date(fold.train_to),
            date(fold.from),
            date(fold.to),
            count(fold.train_ads),
            count(fold.ads),
            optional(fold.macro_f1, super::DIGITS),
            optional(fold.top_3, super::DIGITS),
            optional(fold.accuracy, super::DIGITS),
        ]);
    }
    section.table(&table);
    section
}
