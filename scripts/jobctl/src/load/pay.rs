//! Pay a month, from pay by another interval.

use common::job::JobAd;

use super::rules::Rule;

/// What became of a row's pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pay {
    /// There is none, or it is monthly, or the month's is there already.
    Plain,
    /// It was brought to a month.
    By(Rule),
    /// It stays raw: how often it is paid is not known.
    Unknown,
}

/// Multiplier, divisor and rule of an interval.
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

/// Fills the monthly columns from the raw ones by `job_salary_type`.
pub(super) fn by_interval(ad: &mut JobAd) -> Pay {
    let (low, high) = (ad.job_salary_min_sgd_raw, ad.job_salary_max_sgd_raw);
    let has_month = ad.job_salary_min_sgd_monthly.or(ad.job_salary_max_sgd_monthly).is_some();
    if has_month || low.or(high).is_none() {
        return Pay::Plain;
    }
    let Some((multiplier, divisor, rule)) = ad.job_salary_type.as_deref().and_then(interval) else {
        return Pay::Unknown;
    };
    let month = |raw: f64| Some(raw * multiplier / divisor).filter(|amount| amount.is_finite());
    ad.job_salary_min_sgd_monthly = low.and_then(month);
    ad.job_salary_max_sgd_monthly = high.and_then(month);
    rule.map_or(Pay::Plain, Pay::By)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_is_brought_to_a_month() {
        for (interval, raw, expected) in [
            ("yearly", 60_000.0, (Some(5000.0), Pay::By(Rule::Yearly))),
            ("Monthly", 5000.0, (Some(5000.0), Pay::Plain)),
            ("weekly", 1200.0, (Some(5200.0), Pay::By(Rule::Weekly))),
            ("daily", 240.0, (Some(5200.0), Pay::By(Rule::Daily))),
            ("per hour", 30.0, (Some(5200.0), Pay::By(Rule::Hourly))),
            ("fortnightly", 30.0, (None, Pay::Unknown)),
            ("", 30.0, (None, Pay::Unknown)),
        ] {
            let mut ad = JobAd {
                job_salary_max_sgd_raw: Some(raw),
                job_salary_type: Some(interval.to_owned()),
                ..JobAd::default()
            };
            let pay = by_interval(&mut ad);
            assert_eq!((ad.job_salary_max_sgd_monthly, pay), expected, "{interval}");
            assert_eq!((ad.job_salary_min_sgd_monthly, ad.job_salary_max_sgd_raw), (None, Some(raw)));
        }
        assert_eq!(by_interval(&mut JobAd::default()), Pay::Plain);
    }
}
