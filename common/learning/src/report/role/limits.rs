//! Section: what the model cannot do, in words.

use super::classes::best_and_worst;
use super::{DIGITS, NAMED, RoleReport, TARGETS};
use crate::report::html::Section;
use crate::report::numbers::{count_of, number, percent};

/// Largest calibration error that is not mentioned.
const CALIBRATED: f64 = 0.05;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("limits", "What the model cannot do");
    let mut sentences = report.limits.clone();
    sentences.extend(missed(report));
    sentences.extend(weak_classes(report));
    section.list(&sentences);
    section
}

/// Targets that are missed, on each judged part.
fn missed(report: &RoleReport) -> Vec<String> {
    let mut sentences = Vec::new();
    for (part, model) in report.published() {
        let scores = [
            ("macro-F1", model.macro_f1.value, TARGETS.macro_f1),
            ("top-3", model.top_3.value, TARGETS.top_3),
        ];
        for (score, value, target) in scores {
            if let Some(value) = value.filter(|value| *value <= target) {
                sentences.push(format!(
                    "It misses the target of {score} {}: {} on the {part} ads.",
                    number(target, 2),
                    number(value, DIGITS)
                ));
            }
        }
        if let Some(error) = model.calibration_error.value.filter(|error| *error > CALIBRATED) {
            sentences.push(format!(
                "Its probabilities are off by {} percentage points on average on the {part} ads.",
                number(error * 100.0, 1)
            ));
        }
    }
    sentences
}

/// Classes that it does not know well, on the first judged part.
fn weak_classes(report: &RoleReport) -> Vec<String> {
    let mut sentences = Vec::new();
    let Some((part, evaluation)) = report.judged().into_iter().next() else { return sentences };
    if let Some((_, worst)) = best_and_worst(&evaluation.by_class) {
        sentences.push(format!(
            "It is least reliable for the class \"{}\": it finds {} of the {}, and {} of the labels are right.",
            report.class(worst.class),
            percent(worst.recall, 0),
            count_of(worst.support, "ad", "ads"),
            percent(worst.precision, 0)
        ));
    }
    let classes = || evaluation.by_class.iter().filter(|metrics| metrics.support > 0);
    let unfound = classes().filter(|metrics| metrics.recall <= 0.0).count() as u64;
    if unfound > 0 {
        sentences
            .push(format!("It found no ad of {} on the {part} ads.", count_of(unfound, "class", "classes")));
    }
    let rare = classes().filter(|metrics| metrics.support < NAMED).count() as u64;
    if rare > 0 {
        sentences.push(format!(
            "For {} with fewer than {NAMED} {part} ads little is known about its accuracy.",
            count_of(rare, "class", "classes")
        ));
    }
    sentences
}
