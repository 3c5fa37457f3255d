//! Computes monthly pay from raw pay and its interval.

use common::job::JobAd;

use super::rules::Rule;

/// Outcome of [`set_monthly_pay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pay {
    /// No rule was needed: there is no raw pay, the raw pay is monthly, or the row has monthly pay already.
    Unchanged,
    /// The raw pay was converted by this rule.
    Converted(Rule),
    /// The interval is missing or unknown, so that only the raw columns are set.
    UnknownInterval,
}

/// Multiplier, divisor and rule of an interval. The factors assume 52 weeks, 260 days and 2,080 hours of work a year.
fn interval(text: &str) -> Option<(f64, f64, Option<Rule>)> {
    let text = text.trim().to_lowercase();
    let text =
        text.strip_prefix("per ").or(text.strip_prefix("a ")).or(text.strip_prefix("an ")).unwrap_or(&text);
    Some(match text {
        "monthly" | "month" | "mo" => (1.0, 1.0, None),
        "yearly" | "year" | "yr" | "annual" | "annually" | "annum" | "p.a." => {
            (1.0, 12.0, Some(Rule::Yearly))
        }
        "weekly" | "week" | "wk" => (52.0, 12.0, Some(Rule::Weekly)),
        "daily" | "day" => (260.0, 12.0, Some(Rule::Daily)),
        "hourly" | "hour" | "hr" => (2_080.0, 12.0, Some(Rule::Hourly)),
        _ => return None,
    })
}

/// Sets the monthly columns from the raw columns and the interval in `job_salary_type`.
pub(super) fn set_monthly_pay(ad: &mut JobAd) -> Pay {
    let (low, high) = (ad.job_salary_min_sgd_raw, ad.job_salary_max_sgd_raw);
    let has_month = ad.job_salary_min_sgd_monthly.or(ad.job_salary_max_sgd_monthly).is_some();
    if has_month || low.or(high).is_none() {
        return Pay::Unchanged;
    }
    let Some((multiplier, divisor, rule)) = ad.job_salary_type.as_deref().and_then(interval) else {
        return Pay::UnknownInterval;
    };
    let month = |raw: f64| Some(raw * multiplier / divisor).filter(|amount| amount.is_finite());
    ad.job_salary_min_sgd_monthly = low.and_then(month);
    ad.job_salary_max_sgd_monthly = high.and_then(month);
    rule.map_or(Pay::Unchanged, Pay::Converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_is_converted_to_monthly_pay() {
        for (interval, raw, expected) in [
            ("yearly", 60_000.0, (Some(5000.0), Pay::Converted(Rule::Yearly))),
            ("Monthly", 5000.0, (Some(5000.0), Pay::Unchanged)),
            ("weekly", 1200.0, (Some(5200.0), Pay::Converted(Rule::Weekly))),
            ("daily", 240.0, (Some(5200.0), Pay::Converted(Rule::Daily))),
            ("per hour", 30.0, (Some(5200.0), Pay::Converted(Rule::Hourly))),
            ("fortnightly", 30.0, (None, Pay::UnknownInterval)),
            ("", 30.0, (None, Pay::UnknownInterval)),
        ] {
            let mut ad = JobAd {
                job_salary_max_sgd_raw: Some(raw),
                job_salary_type: Some(interval.to_owned()),
                ..JobAd::default()
            };
            let pay = set_monthly_pay(&mut ad);
            assert_eq!((ad.job_salary_max_sgd_monthly, pay), expected, "{interval}");
            assert_eq!((ad.job_salary_min_sgd_monthly, ad.job_salary_max_sgd_raw), (None, Some(raw)));
        }
        assert_eq!(set_monthly_pay(&mut JobAd::default()), Pay::Unchanged);
    }
}
