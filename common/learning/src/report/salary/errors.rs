//! Sections: predicted against actual salaries, residuals, errors by group.

use super::judged::{Group, Groups, NAMED, worst};
use super::{JudgedAd, SalaryReport};
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::agreement::agreement as pairs_chart;
use crate::report::charts::bars::{Bar, Look, Measure, bars};
use crate::report::charts::histogram::{Bins, histogram};
use crate::report::html::Section;
use crate::report::numbers::{count, count_of, mean, median, number, percent, quantile, signed};
use crate::report::table::Table;

/// Largest number of groups in a chart.
const MOST_BARS: usize = 12;

/// Which ads the sections are about.
pub(super) fn which(report: &SalaryReport, ads: &[&JudgedAd]) -> String {
    let part = report.judged.as_ref().map_or("", |judged| judged.part.as_str());
    let number = count_of(ads.len() as u64, "ad", "ads");
    if part.is_empty() { number } else { format!("{number} of {part}") }
}

pub(super) fn agreement(report: &SalaryReport, ads: &[&JudgedAd]) -> Section {
    let mut section = Section::new("agreement", "Predicted against actual");
    if ads.is_empty() {
        return section;
    }
    section.paragraph(&format!("All sections from here to confidence are about {}.", which(report, ads)));
    let pairs: Vec<(f64, f64)> = ads.iter().map(|ad| (ad.actual, ad.predicted)).collect();
    let errors: Vec<f64> = ads.iter().map(|ad| ((ad.predicted - ad.actual) / ad.actual).abs()).collect();
    let far = errors.iter().filter(|error| **error > 0.5).count() as f64 / errors.len() as f64;
    let reading = format!(
        "Half of the predictions are within {} of the stated midpoint, nine of ten within {}; {} are off by more \
         than half of it.",
        percent(median(&errors).unwrap_or(f64::NAN), 0),
        percent(quantile(&errors, 0.9).unwrap_or(f64::NAN), 0),
        percent(far, 1)
    );
    let names = [format!("stated midpoint, {} a month", report.currency), "predicted".to_owned()];
    let words = Words { id: "pairs", title: "Predicted and stated salaries", reading: &reading };
    section.figures(&[pairs_chart(words, [&names[0], &names[1]], &pairs)]);
    section
}

pub(super) fn residuals(report: &SalaryReport, ads: &[&JudgedAd]) -> Section {
    let mut section = Section::new("residuals", "Residuals");
    if ads.is_empty() {
        return section;
    }
    let amounts: Vec<f64> = ads.iter().map(|ad| ad.predicted - ad.actual).collect();
    let ratios: Vec<f64> = ads.iter().map(|ad| (ad.predicted / ad.actual).ln()).collect();
    let bias = mean(&amounts).unwrap_or(f64::NAN);
    let [low, high] = [0.05, 0.95].map(|share| quantile(&amounts, share).unwrap_or(f64::NAN));
    let reading = format!(
        "Predictions are {} {} on average; 90% of them are between {} below and {} above the stated midpoint.",
        number(bias.abs(), 0),
        if bias < 0.0 { "too low" } else { "too high" },
        number(low.min(0.0).abs(), 0),
        number(high.max(0.0), 0)
    );
    let name = format!("predicted − stated, {} a month", report.currency);
    let text = |value: f64| signed(value, number(value, 0));
    let axis = Bins { name: &name, text: &text, mark: Some((0.0, "no error")) };
    let words = Words { id: "residuals-amount", title: "Residuals as amounts", reading: &reading };
    let first = histogram(words, &axis, &amounts);
    let above = ratios.iter().filter(|ratio| **ratio > 0.0).count() as f64 / ratios.len() as f64;
    let reading = format!(
        "{} of the predictions are too high; the median ratio of predicted to stated is {}.",
        percent(above, 0),
        number(median(&ratios).unwrap_or(f64::NAN).exp(), 2)
    );
    let text = |value: f64| signed(value, percent(value.exp_m1(), 0));
    let name = "predicted relative to stated, logarithmic axis";
    let axis = Bins { name, text: &text, mark: Some((0.0, "no error")) };
    let words = Words { id: "residuals-ratio", title: "Residuals as ratios", reading: &reading };
    section.figures(&[first, histogram(words, &axis, &ratios)]);
    section
}

pub(super) fn groups(report: &SalaryReport, groups: &Groups) -> Section {
    let mut section = Section::new("groups", "Errors by group");
    let kinds = [
        ("band", "Salary band", "salary band", &groups.bands),
        ("work-type", "Work type", "work type", &groups.work_types),
        ("class", "Classification", "classification", &groups.classes),
        ("era", "Era", "era", &groups.eras),
    ];
    if groups.bands.is_empty() {
        return section;
    }
    section.paragraph(
        "Mean absolute error with its 95% interval by the normal approximation; \"bias\" is the mean of predicted \
         minus stated. Bands are by the stated salary, so that the lowest band is predicted too high and the highest \
         too low even by a perfect model of noisy salaries.",
    );
    let charts: Vec<Html> = kinds.iter().map(|(id, _, of, groups)| chart(report, (id, of), groups)).collect();
    section.figures(&charts);
    for (_, title, of, groups) in kinds {
        let mut table = Table::new(
            &format!("Errors by {of}"),
            &[title, "Ads", "Median stated", "MAE", "95% interval", "Median APE", "Bias"],
        );
        for group in groups {
            table.row(vec![
                group.name.clone(),
                count(group.ads),
                number(group.median_actual, 0),
                number(group.mae, 0),
                group.mae_interval.map_or_else(
                    || crate::report::numbers::MISSING.to_owned(),
                    |(low, high)| format!("{} to {}", number(low, 0), number(high, 0)),
                ),
                percent(group.median_ape, 0),
                signed(group.bias, number(group.bias, 0)),
            ]);
        }
        if table.len() > 8 { section.folded_table(&table) } else { section.table(&table) }
    }
    section
}

/// The groups that a chart shows, and how many are not in it: small ones, and those after the first twelve, except
/// `named`.
pub(super) fn drawn<'a>(groups: &'a [Group], named: Option<&'a Group>) -> (Vec<&'a Group>, usize) {
    let large = groups.iter().filter(|group| group.ads >= NAMED).count();
    let least = if large >= 2 { NAMED } else { 1 };
    let mut drawn: Vec<&Group> = groups.iter().filter(|group| group.ads >= least).take(MOST_BARS).collect();
    if let Some(named) = named.filter(|named| drawn.iter().all(|group| group.name != named.name)) {
        drawn.truncate(MOST_BARS - 1);
        drawn.push(named);
    }
    let rest = groups.len() - drawn.len();
    (drawn, rest)
}

fn chart(report: &SalaryReport, (id, of): (&str, &str), groups: &[Group]) -> Html {
    let by_mae = worst(groups, |group| group.mae);
    let (drawn, rest) = drawn(groups, by_mae);
    let by_share = worst(groups, |group| group.median_ape);
    let mut reading = match (by_mae, by_share) {
        (Some(mae), Some(share)) if mae.name == share.name => format!(
            "The largest error is in \"{}\": {} on average, {} for half of its ads.",
            mae.name,
            report.money(mae.mae),
            percent(mae.median_ape, 0)
        ),
        (Some(mae), Some(share)) => format!(
            "The largest error is in \"{}\", {} on average; relative to the salary it is largest in \"{}\", {} at the \
             median.",
            mae.name,
            report.money(mae.mae),
            share.name,
            percent(share.median_ape, 0)
        ),
        _ => format!("No {of} has {NAMED} ads, which a comparison needs."),
    };
    if rest > 0 {
        let more = if rest == 1 { "1 more is".to_owned() } else { format!("{rest} more are") };
        reading = format!("{reading} {more} not drawn.");
    }
    let values: Vec<Bar> = drawn
        .into_iter()
        .map(|group| Bar {
            name: group.name.clone(),
            value: group.mae,
            interval: group.mae_interval,
            look: if by_mae.is_some_and(|worst| worst.name == group.name) { Look::Other } else { Look::Main },
        })
        .collect();
    let name = format!("MAE, {} a month", report.currency);
    let measure = Measure { name: &name, text: &|value| number(value, 0), mark: None, from_zero: true };
    let title = format!("Error by {of}");
    bars(Words { id: &format!("error-by-{id}"), title: &title, reading: &reading }, &measure, &values)
}
