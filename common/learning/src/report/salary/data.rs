//! Sections: the ads and what was set aside; the parts that they are split into.

use super::{SalaryReport, SplitPart, date};
use crate::report::charts::Words;
use crate::report::charts::curves::{Frame, Knot, Line, day, lines, month_of};
use crate::report::charts::histogram::{Bins, histogram};
use crate::report::html::Section;
use crate::report::numbers::{count, count_of, number, optional, percent, quantile};
use crate::report::table::Table;

/// Largest number of strata in the table.
const MOST_STRATA: usize = 60;

pub(super) fn section(report: &SalaryReport) -> Section {
    let mut section = Section::new("data", "Data and what was set aside");
    let data = &report.data;
    if data.ads == 0 && data.used == 0 {
        return section;
    }
    let aside: u64 = data.set_aside.iter().map(|reason| reason.ads).sum();
    let families = data.families.map_or_else(String::new, |families| {
        format!(" They belong to {}.", count_of(families, "family of reposts", "families of reposts"))
    });
    section.paragraph(&format!(
        "Of {} read, {} a salary in {}; {} of them were used and {} set aside.{families}",
        count_of(data.ads, "ad", "ads"),
        if data.with_salary == 1 {
            "1 states".to_owned()
        } else {
            format!("{} state", count(data.with_salary))
        },
        report.currency,
        count(data.used),
        count(aside),
    ));
    let mut table = Table::new(
        &format!("Ads with a salary in {} that were set aside", report.currency),
        &["Reason", "Ads", "Share", "Rule"],
    )
    .texts(&[3]);
    for reason in &data.set_aside {
        let share = percent(reason.ads as f64 / data.with_salary as f64, 1);
        table.row(vec![reason.reason.clone(), count(reason.ads), share, reason.rule.clone()]);
    }
    section.table(&table);
    let mut table =
        Table::new("Currencies that ads state", &["Currency", "Ads with a salary", "Outcome"]).texts(&[2]);
    for currency in &data.currencies {
        table.row(vec![currency.currency.clone(), count(currency.ads), currency.outcome.clone()]);
    }
    section.table(&table);
    section.figures(&salaries(report).into_iter().collect::<Vec<_>>());
    section
}

fn salaries(report: &SalaryReport) -> Option<crate::report::Html> {
    let salaries = &report.data.salaries;
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(salaries, share));
    let (low, middle, high) = (low?, middle?, high?);
    let reading = format!(
        "Half of the ads pay between {} and {} a month; the median is {}.",
        number(low, 0),
        report.money(high),
        number(middle, 0)
    );
    let words = Words { id: "salaries", title: "Stated salaries of the ads used", reading: &reading };
    let name = format!("midpoint, {} a month", report.currency);
    let text = |value: f64| number(value, 0);
    Some(histogram(words, &Bins { name: &name, text: &text, mark: Some((middle, "median")) }, salaries))
}

pub(super) fn splits(report: &SalaryReport) -> Section {
    let mut section = Section::new("splits", "Splits");
    if !report.parts.is_empty() {
        section.paragraph(
            "The parts follow each other in time: models are fitted on the training part, choices are made on the \
             validation part, and the test part is scored once. All reposts of an ad are in one part.",
        );
    }
    let mut table =
        Table::new("Parts", &["Part", "Oldest ad", "Newest ad", "Ads", "Share", "Families", "Median salary"]);
    let all: u64 = report.parts.iter().map(|part| part.ads).sum();
    for part in &report.parts {
        table.row(vec![
            part.name.clone(),
            date(part.from),
            date(part.to),
            count(part.ads),
            percent(part.ads as f64 / all as f64, 0),
            optional(part.families.map(|families| families as f64), 0),
            optional(part.median_salary, 0),
        ]);
    }
    section.table(&table);
    strata(&report.parts, &mut section);
    folds(report, &mut section);
    section
}

fn strata(parts: &[SplitPart], section: &mut Section) {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in parts.iter().flat_map(|part| &part.strata) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut columns = vec!["Stratum"];
    columns.extend(parts.iter().map(|part| part.name.as_str()));
    let left_out = names.len().saturating_sub(MOST_STRATA);
    let caption = if left_out == 0 {
        "Strata of each part: ads and share of the part".to_owned()
    } else {
        format!("Strata of each part: ads and share of the part; {left_out} more are left out")
    };
    let mut table = Table::new(&caption, &columns);
    for name in names.into_iter().take(MOST_STRATA) {
        let mut row = vec![name.to_owned()];
        row.extend(parts.iter().map(|part| {
            let ads = part.strata.iter().find(|(stratum, _)| stratum == name).map_or(0, |(_, ads)| *ads);
            format!("{} ({})", count(ads), percent(ads as f64 / part.ads as f64, 0))
        }));
        table.row(row);
    }
    section.folded_table(&table);
}

fn folds(report: &SalaryReport, section: &mut Section) {
    let mut table = Table::new(
        "Walk-forward folds: each is judged by models that were fitted on what is older",
        &[
            "Fold",
            "Fitted on ads up to",
            "Judged from",
            "Judged to",
            "Ads fitted on",
            "Ads judged",
            "MAE",
            "Baseline MAE",
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
            optional(fold.mae, 0),
            optional(fold.baseline_mae, 0),
        ]);
    }
    if table.is_empty() {
        return;
    }
    section.heading("Walk-forward folds");
    section.table(&table);
    let knots = |value: fn(&super::Fold) -> Option<f64>| -> Vec<Knot> {
        let knot = |fold: &super::Fold| Some(Knot { x: day(fold.from?), y: value(fold)?, interval: None });
        report.folds.iter().filter_map(knot).collect()
    };
    let drawn = [("model", knots(|fold| fold.mae)), ("baseline", knots(|fold| fold.baseline_mae))]
        .map(|(name, knots)| Line { name, knots });
    if drawn[0].knots.len() < 2 {
        return;
    }
    let better =
        report.folds.iter().filter(|fold| fold.mae < fold.baseline_mae && fold.mae.is_some()).count();
    let reading =
        format!("The model's error is below the baseline's in {better} of {} folds.", report.folds.len());
    let words = Words { id: "folds", title: "Error by walk-forward fold", reading: &reading };
    let name = format!("MAE, {} a month", report.currency);
    let frame = Frame {
        x_name: "first judged day of the fold",
        x_text: &month_of,
        x_is_log: false,
        y_name: &name,
        y_text: &|value| number(value, 0),
        mark: None,
        from_zero: true,
    };
    section.figures(&[lines(words, &frame, &drawn)]);
}
