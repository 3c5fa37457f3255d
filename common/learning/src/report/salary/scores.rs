//! Section: each model against baselines, on each part.

use super::{Evaluation, ModelScores, SalaryReport, TARGETS, cell};
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::bars::{Bar, Look, Measure, bars};
use crate::report::html::Section;
use crate::report::numbers::{count_of, number, optional_percent, percent, seconds};
use crate::report::table::Table;

pub(super) fn section(report: &SalaryReport) -> Section {
    let mut section = Section::new("models", "Models against baselines");
    let parts = [
        ("walk-forward", "Walk-forward", &report.walk_forward),
        ("validation", "Validation", &report.validation),
        ("test", "Test, touched once", &report.test),
    ];
    for (id, title, evaluation) in parts {
        let Some(evaluation) = evaluation else { continue };
        section.heading(title);
        if !evaluation.note.is_empty() {
            section.paragraph(&evaluation.note);
        }
        section.table(&table(report, &format!("{title}: {}", ads(evaluation.ads)), &evaluation.models));
        let mut charts = vec![chart(
            report,
            &format!("mae-{id}"),
            "Mean absolute error",
            evaluation.ads,
            &evaluation.models,
        )];
        if let Some(narrow) = &evaluation.narrow {
            let caption = format!(
                "{title}, only ads whose maximum is at most three times their minimum: {}",
                ads(narrow.ads)
            );
            section.table(&table(report, &caption, &narrow.models));
            charts.push(chart(
                report,
                &format!("mae-{id}-narrow"),
                "The same, maximum at most 3 × minimum",
                narrow.ads,
                &narrow.models,
            ));
        }
        section.figures(&charts);
        changed_order(evaluation, &mut section);
    }
    section
}

fn ads(number: u64) -> String {
    count_of(number, "ad", "ads")
}

fn table(report: &SalaryReport, caption: &str, models: &[ModelScores]) -> Table {
    let columns = ["Model", "MAE", "RMSE", "R²", "MAPE", "Median APE", "Fit", "Predict"];
    let mut table = Table::new(caption, &columns);
    for model in models {
        let row = vec![
            model.name.clone(),
            cell(&model.mae, 0),
            cell(&model.rmse, 0),
            cell(&model.r2, 2),
            optional_percent(model.mape, 1),
            optional_percent(model.median_ape, 1),
            seconds(model.fit_seconds),
            seconds(model.predict_seconds),
        ];
        if model.name == report.model { table.strong_row(row) } else { table.row(row) }
    }
    table
}

fn chart(report: &SalaryReport, id: &str, title: &str, number_of_ads: u64, models: &[ModelScores]) -> Html {
    let values: Vec<Bar> = models
        .iter()
        .map(|model| Bar {
            name: model.name.clone(),
            value: model.mae.value.unwrap_or(f64::NAN),
            interval: model.mae.interval(),
            look: if model.name == report.model { Look::Main } else { Look::Plain },
        })
        .collect();
    let best = models
        .iter()
        .filter(|model| model.mae.value.is_some_and(f64::is_finite))
        .min_by(|a, b| a.mae.value.unwrap_or(f64::NAN).total_cmp(&b.mae.value.unwrap_or(f64::NAN)));
    let Some((best, mae)) = best.and_then(|best| Some((best, best.mae.value?))) else {
        return Html::default();
    };
    let baseline =
        models.iter().find(|model| model.name == report.baseline).and_then(|model| model.mae.value);
    let against = baseline.filter(|other| *other > mae).map_or_else(String::new, |other| {
        format!(", {} below the baseline \"{}\"", percent(1.0 - mae / other, 0), report.baseline)
    });
    let reading = format!(
        "On {} \"{}\" has the smallest error, {}{against}.",
        ads(number_of_ads),
        best.name,
        report.money(mae)
    );
    let name = format!("MAE with 95% interval, {} a month", report.currency);
    let measure = Measure {
        name: &name,
        text: &|value| number(value, 0),
        mark: Some((TARGETS.mae, "target")),
        from_zero: true,
    };
    bars(Words { id, title, reading: &reading }, &measure, &values)
}

/// Says whether the best model is another one on the ads with a narrow range.
fn changed_order(evaluation: &Evaluation, section: &mut Section) {
    let best = |models: &[ModelScores]| {
        let mut scored: Vec<(f64, String)> =
            models.iter().filter_map(|model| Some((model.mae.value?, model.name.clone()))).collect();
        scored.sort_by(|a, b| a.0.total_cmp(&b.0));
        scored.into_iter().next()
    };
    let Some(narrow) = &evaluation.narrow else { return };
    if let (Some((_, all)), Some((_, of_narrow))) = (best(&evaluation.models), best(&narrow.models))
        && all != of_narrow
    {
        section
            .paragraph(&format!("On all ads \"{all}\" is best, on ads with a narrow range \"{of_narrow}\"."));
    }
}
