//! The salary columns of an ad: monthly, yearly, daily or hourly pay, missing pay, and typical mistakes.

use common::job::JobAd;

use super::board::Board;
use super::dice::Dice;

/// Hours and days of work per month.
const HOURS_PER_MONTH: f64 = 190.0;
const DAYS_PER_MONTH: f64 = 22.0;

/// Sets the salary columns from the pay in SGD per month.
pub(super) fn set_salary(ad: &mut JobAd, pay: (f64, f64), board: &Board, dice: &mut Dice) {
    ad.job_currency = if dice.happens(6) { board.missing(dice) } else { Some("SGD".to_owned()) };
    if dice.happens(board.missing_pay) {
        ad.job_salary_type = Some("unknown".to_owned());
        return;
    }
    let is_part_time = ad.job_work_type.as_deref() == Some("Part Time");
    let (low, high) = pay;
    match dice.below(1_000) {
        chance if is_part_time && chance < 600 => {
            let hourly = |amount: f64| (amount / HOURS_PER_MONTH * 2.0).round() / 2.0;
            set(ad, "hourly", (hourly(low), hourly(high)), |raw| raw * HOURS_PER_MONTH);
        }
        // Mistakes of employers: annual pay as monthly pay, bounds swapped, a figure in thousands, pay multiplied by
        // twelve.
        0..4 => set(ad, "monthly", (low * 12.0, high * 12.0), |raw| raw),
        4..5 => set(ad, "monthly", (high + 100.0, low), |raw| raw),
        5..7 => set(ad, "monthly", ((low / 1_000.0).round(), (high / 1_000.0).round()), |raw| raw),
        7..8 => set(ad, "monthly", (low, high), |raw| raw * 12.0),
        8..50 => set(ad, "yearly", (low * 12.0, high * 12.0), |raw| raw / 12.0),
        50..58 => {
            let daily = |amount: f64| (amount / DAYS_PER_MONTH).round();
            set(ad, "daily", (daily(low), daily(high)), |raw| raw * DAYS_PER_MONTH);
        }
        _ => set(ad, "monthly", (low, high), |raw| raw),
    }
    match dice.below(1_000) {
        0..12 => (ad.job_salary_min_sgd_raw, ad.job_salary_min_sgd_monthly) = (None, None),
        12..20 => (ad.job_salary_max_sgd_raw, ad.job_salary_max_sgd_monthly) = (None, None),
        _ => {}
    }
}

/// Raises the pay for a later sighting of the ad.
pub(super) fn raise(ad: &mut JobAd) {
    if ad.job_salary_type.as_deref() != Some("monthly") {
        return;
    }
    let raised = |amount: Option<f64>| amount.map(|amount| (amount * 1.06 / 50.0).round() * 50.0);
    ad.job_salary_max_sgd_raw = raised(ad.job_salary_max_sgd_raw);
    ad.job_salary_max_sgd_monthly = raised(ad.job_salary_max_sgd_monthly);
}

fn set(ad: &mut JobAd, kind: &str, raw: (f64, f64), per_month: fn(f64) -> f64) {
    ad.job_salary_type = Some(kind.to_owned());
    (ad.job_salary_min_sgd_raw, ad.job_salary_max_sgd_raw) = (Some(raw.0), Some(raw.1));
    ad.job_salary_min_sgd_monthly = Some(per_month(raw.0));
    ad.job_salary_max_sgd_monthly = Some(per_month(raw.1));
}
