//! Section: what is missing to the targets: learning curve and neighbour ceiling.

use super::{SalaryReport, TARGETS, estimate};
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::curves::{Frame, Knot, Line, lines};
use crate::report::html::Section;
use crate::report::numbers::{count, number, optional, percent};
use crate::report::table::Table;

pub(super) fn section(report: &SalaryReport) -> Section {
    let mut section = Section::new("ceiling", "What more data would bring");
    section.figures(&learning_curve(report).into_iter().collect::<Vec<_>>());
    let mut table =
        Table::new("Error by number of training ads, with 95% intervals", &["Training ads", "MAE", "R²"]);
    for point in &report.learning_curve {
        table.row(vec![count(point.ads), estimate(&point.mae, 0), optional(point.r2, 2)]);
    }
    section.folded_table(&table);
    let mut table = Table::new(
        "How far similar ads of different families agree: the error of a model that knows the other ad's salary",
        &["Pairs", "Number", "Mean absolute difference", "R²"],
    );
    for point in &report.neighbour_ceiling {
        table.row(vec![
            point.pairs_of.clone(),
            count(point.pairs),
            number(point.mae, 0),
            optional(point.r2, 2),
        ]);
    }
    if let Some(first) = report.neighbour_ceiling.first() {
        section.heading("Neighbour ceiling");
        section.paragraph(&format!(
            "Pairs of ads with {} differ by {} on average: with such an ad in the training data, the error would be \
             about that.",
            first.pairs_of,
            report.money(first.mae)
        ));
    }
    section.table(&table);
    section
}

/// What the last doubling of the training ads brought: relative change of the error, interpolated.
pub(super) fn last_doubling(report: &SalaryReport) -> Option<f64> {
    let points: Vec<(f64, f64)> =
        report.learning_curve.iter().filter_map(|point| Some((point.ads as f64, point.mae.value?))).collect();
    let (ads, mae) = *points.last()?;
    let half = ads / 2.0;
    let pair = points.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&half))?;
    let share = (half / pair[0].0).ln() / (pair[1].0 / pair[0].0).ln();
    let before = pair[0].1 + (pair[1].1 - pair[0].1) * share;
    Some(mae / before - 1.0).filter(|change| change.is_finite())
}

fn learning_curve(report: &SalaryReport) -> Option<Html> {
    let last = report.learning_curve.last()?;
    let reading = match last_doubling(report) {
        Some(change) if change < 0.0 => format!(
            "The last doubling of the training ads, to {}, lowered the error by {}.",
            count(last.ads),
            percent(-change, 1)
        ),
        Some(_) => {
            format!("The last doubling of the training ads, to {}, did not lower the error.", count(last.ads))
        }
        None => format!("With {} training ads the error is {}.", count(last.ads), estimate(&last.mae, 0)),
    };
    let words = Words { id: "learning-curve", title: "Learning curve", reading: &reading };
    let name = format!("MAE, {} a month", report.currency);
    let frame = Frame {
        x_name: "training ads, logarithmic axis",
        x_text: &|ads| number(ads, 0),
        x_is_log: true,
        y_name: &name,
        y_text: &|value| number(value, 0),
        mark: Some((TARGETS.mae, "target")),
        from_zero: false,
    };
    let knots = report.learning_curve.iter().filter_map(|point| {
        Some(Knot { x: point.ads as f64, y: point.mae.value?, interval: point.mae.interval() })
    });
    Some(lines(words, &frame, &[Line { name: "model", knots: knots.collect() }]))
}

#[cfg(test)]
mod tests {
    use super::super::{Estimate, LearningPoint};
    use super::*;

    #[test]
    fn the_last_doubling_is_interpolated_between_points() {
        let point = |ads, mae| LearningPoint { ads, mae: Estimate::of(mae), r2: None };
        let of = |points: Vec<LearningPoint>| {
            last_doubling(&SalaryReport { learning_curve: points, ..SalaryReport::default() })
        };
        assert!((of(vec![point(1000, 1200.0), point(2000, 900.0)]).unwrap() + 0.25).abs() < 1e-9);
        let between = of(vec![point(500, 1200.0), point(2000, 900.0)]).unwrap();
        assert!((between - (900.0 / 1050.0 - 1.0)).abs() < 1e-9);
        assert_eq!(of(vec![point(1500, 1200.0), point(2000, 900.0)]), None);
        assert_eq!(of(Vec::new()), None);
    }
}
