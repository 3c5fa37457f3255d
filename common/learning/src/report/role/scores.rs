//! Section: each model against baselines, on each judged part.

use super::{DIGITS, RoleEvaluation, RoleReport, TARGETS};
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::bars::{Bar, Look, Measure, bars};
use crate::report::html::Section;
use crate::report::numbers::{MISSING, count_of, number, optional, seconds, signed};
use crate::report::salary::Estimate;
use crate::report::shared::cell;
use crate::report::table::Table;

pub(super) fn section(report: &RoleReport) -> Section {
    let mut section = Section::new("models", "Models against baselines");
    for (part, evaluation) in report.judged() {
        section.heading(if part == "test" { "Test, touched once" } else { "Walk-forward" });
        if !evaluation.note.is_empty() {
            section.paragraph(&evaluation.note);
        }
        let ads = count_of(evaluation.ads, "ad", "ads");
        let caption = format!("Scores on the same {ads} ({part}), with 95% intervals");
        section.table(&table(report, &caption, evaluation));
        section.figures(&[chart(report, part, evaluation)]);
        let caption = format!("{} minus each other model on the same {ads} ({part})", report.model);
        section.table(&differences(&caption, evaluation));
    }
    section
}

fn table(report: &RoleReport, caption: &str, evaluation: &RoleEvaluation) -> Table {
    let columns = [
        "Model",
        "Macro-F1",
        "Top-3",
        "Accuracy",
        "Weighted F1",
        "Log loss",
        "Calibration error",
        "Fit",
        "Predict",
    ];
    let mut table = Table::new(caption, &columns);
    for model in &evaluation.models {
        let row = vec![
            model.name.clone(),
            cell(&model.macro_f1, DIGITS),
            cell(&model.top_3, DIGITS),
            cell(&model.accuracy, DIGITS),
            optional(model.weighted_f1, DIGITS),
            optional(model.log_loss, DIGITS),
            cell(&model.calibration_error, DIGITS),
            seconds(model.fit_seconds),
            seconds(model.predict_seconds),
        ];
        if model.name == report.model { table.strong_row(row) } else { table.row(row) }
    }
    table
}

fn chart(report: &RoleReport, part: &str, evaluation: &RoleEvaluation) -> Html {
    let best = evaluation
        .models
        .iter()
        .filter_map(|model| Some((model, model.macro_f1.value.filter(|value| value.is_finite())?)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((best, score)) = best else { return Html::default() };
    let values: Vec<Bar> = evaluation
        .models
        .iter()
        .map(|model| Bar {
            name: model.name.clone(),
            value: model.macro_f1.value.unwrap_or(f64::NAN),
            interval: model.macro_f1.interval(),
            look: if model.name == report.model { Look::Main } else { Look::Plain },
        })
        .collect();
    let reading = format!(
        "On {} \"{}\" has the largest macro-F1, {}.",
        count_of(evaluation.ads, "ad", "ads"),
        best.name,
        number(score, DIGITS)
    );
    let measure = Measure {
        name: "macro-F1 with 95% interval",
        text: &|value| number(value, 2),
        mark: Some((TARGETS.macro_f1, "target")),
        from_zero: true,
    };
    let id = format!("macro-f1-{part}");
    bars(Words { id: &id, title: "Mean F1 of the classes", reading: &reading }, &measure, &values)
}

fn differences(caption: &str, evaluation: &RoleEvaluation) -> Table {
    let columns = ["Other model", "Macro-F1", "Top-3", "Accuracy", "By macro-F1"];
    let mut table = Table::new(caption, &columns).texts(&[4]);
    for difference in &evaluation.differences {
        let text = |value: &Estimate| signed(value.value.unwrap_or(f64::NAN), cell(value, DIGITS));
        table.row(vec![
            difference.other.clone(),
            text(&difference.macro_f1),
            text(&difference.top_3),
            text(&difference.accuracy),
            verdict(&difference.macro_f1).to_owned(),
        ]);
    }
    table
}

/// Whether a difference is more than chance.
fn verdict(difference: &Estimate) -> &'static str {
    match difference.interval().filter(|(low, high)| low.is_finite() && high.is_finite()) {
        Some((low, _)) if low > 0.0 => "better",
        Some((_, high)) if high < 0.0 => "worse",
        Some(_) => "not beyond chance",
        None => MISSING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_better_worse_or_chance() {
        assert_eq!(verdict(&Estimate::within(0.02, 0.01, 0.03)), "better");
        assert_eq!(verdict(&Estimate::within(-0.02, -0.03, -0.01)), "worse");
        assert_eq!(verdict(&Estimate::within(0.0, -0.01, 0.01)), "not beyond chance");
        assert_eq!(verdict(&Estimate::within(0.0, f64::NAN, 0.01)), MISSING);
        assert_eq!(verdict(&Estimate::of(0.1)), MISSING);
    }
}
