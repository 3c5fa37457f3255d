//! Section: what the model cannot do, in words.

use super::judged::{Groups, NAMED, worst};
use super::trust::{calibration_error, least_covered};
use super::{JudgedAd, SalaryReport, TARGETS};
use crate::report::html::Section;
use crate::report::numbers::{count, number, percent};

/// Largest calibration error that is not mentioned.
const CALIBRATED: f64 = 0.05;

pub(super) fn section(report: &SalaryReport, ads: &[&JudgedAd], groups: &Groups) -> Section {
    let mut section = Section::new("limits", "What the model cannot do");
    let mut sentences = report.limits.clone();
    sentences.extend(measured(report, ads, groups));
    section.list(&sentences);
    section
}

/// Sentences from the measurements.
fn measured(report: &SalaryReport, ads: &[&JudgedAd], groups: &Groups) -> Vec<String> {
    let mut sentences = Vec::new();
    let model = report.quoted().and_then(|(part, evaluation)| {
        Some((part, evaluation.models.iter().find(|m| m.name == report.model)?))
    });
    if let Some((part, model)) = model {
        let missed = [
            ("RMSE", model.rmse.value, TARGETS.rmse, true, 0),
            ("MAE", model.mae.value, TARGETS.mae, true, 0),
            ("R²", model.r2.value, TARGETS.r2, false, 2),
        ];
        for (score, value, target, is_below, digits) in missed {
            let Some(value) = value else { continue };
            if (is_below && value >= target) || (!is_below && value <= target) {
                let [value, target] = [value, target].map(|value| number(value, digits));
                sentences
                    .push(format!("It misses the target of {score} {target}: {value} on the {part} ads."));
            }
        }
    }
    if let Some(class) = worst(&groups.classes, |group| group.median_ape) {
        sentences.push(format!(
            "It is least accurate for the class \"{}\": half of the {} ads are off by more than {}.",
            class.name,
            count(class.ads),
            percent(class.median_ape, 0)
        ));
    }
    if let Some(top) = groups.bands.last().filter(|band| band.ads >= NAMED && band.bias < 0.0) {
        sentences.push(format!(
            "High salaries are underestimated: in the band \"{}\" predictions are {} too low on average.",
            top.name,
            report.money(-top.bias)
        ));
    }
    if let (Some(facts), Some(band)) = (&report.interval, least_covered(&groups.bands))
        && let Some(coverage) = band.coverage().filter(|coverage| *coverage < facts.accepted.0)
    {
        sentences.push(format!(
            "The {} interval covers only {} of the ads in the salary band \"{}\".",
            percent(facts.level, 0),
            percent(coverage, 0),
            band.name
        ));
    }
    if let (Some(facts), Some(class)) = (&report.interval, least_covered(&groups.classes))
        && let Some(coverage) = class.coverage().filter(|coverage| *coverage < facts.accepted.0)
    {
        sentences.push(format!(
            "The {} interval covers only {} of the ads of the class \"{}\".",
            percent(facts.level, 0),
            percent(coverage, 0),
            class.name
        ));
    }
    if let Some(error) = calibration_error(ads).filter(|error| *error > CALIBRATED) {
        sentences.push(format!(
            "salary_confidence is off by {} percentage points on average.",
            number(error * 100.0, 1)
        ));
    }
    let rare: Vec<_> = groups.classes.iter().filter(|class| class.ads < NAMED).collect();
    if !rare.is_empty() {
        sentences.push(format!(
            "For {} with fewer than {NAMED} judged ads nothing is known about its accuracy.",
            if rare.len() == 1 { "1 class".to_owned() } else { format!("{} classes", rare.len()) }
        ));
    }
    sentences
}
