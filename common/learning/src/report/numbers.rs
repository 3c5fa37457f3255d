//! Numbers as texts of the page: thousands separators, a minus sign, and [`MISSING`] for what is not a number.

/// The text of a missing number.
pub const MISSING: &str = "–";

/// `value` with `digits` decimals, for example `1,234.5`.
pub fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let plain = format!("{:.digits$}", value.abs());
    let (whole, decimals) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let is_zero = plain.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let mut text = String::from(if value < 0.0 && !is_zero { "−" } else { "" });
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(decimals);
    text
}

/// [`number`] of an optional value.
pub fn optional(value: Option<f64>, digits: usize) -> String {
    number(value.unwrap_or(f64::NAN), digits)
}

/// A count, for example `12,345`.
pub fn count(value: u64) -> String {
    number(value as f64, 0)
}

/// A count with its noun: `1 ad`, `2 ads`.
pub fn count_of(value: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", count(value), if value == 1 { singular } else { plural })
}

/// A share from 0 to 1 as percentage, for example `14.2%`.
pub fn percent(share: f64, digits: usize) -> String {
    let text = number(share * 100.0, digits);
    if text == MISSING { text } else { text + "%" }
}

/// [`percent`] of an optional share.
pub fn optional_percent(share: Option<f64>, digits: usize) -> String {
    percent(share.unwrap_or(f64::NAN), digits)
}

/// `text` of a number with `+` before it if `value` is positive.
pub fn signed(value: f64, text: String) -> String {
    let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if value > 0.0 && !is_zero { format!("+{text}") } else { text }
}

/// A duration in seconds: `0.004 s`, `1.2 s`, `3 min 20 s`.
pub fn seconds(value: Option<f64>) -> String {
    match value {
        Some(value) if (0.0..0.1).contains(&value) => number(value, 3) + " s",
        Some(value) if (0.1..60.0).contains(&value) => number(value, 1) + " s",
        Some(value) if value.is_finite() && value >= 60.0 => {
            let whole = value.round() as u64;
            format!("{} min {} s", count(whole / 60), whole % 60)
        }
        _ => MISSING.to_owned(),
    }
}

/// The median; `None` for no values. Values that are not numbers count as large.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile at `share` from 0 to 1, interpolated between neighbours; `None` for no values.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

/// The mean; `None` for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Half the width of the 95% interval of the mean, by the normal approximation; `None` below two values.
pub fn margin_of_mean(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(1.96 * (squares / (values.len() - 1) as f64 / values.len() as f64).sqrt())
}

/// Wilson's 95% interval of the share `hits` of `of`.
pub fn share_interval(hits: u64, of: u64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let (n, p, z) = (of as f64, hits as f64 / of as f64, 1.96_f64);
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators_and_a_minus_sign() {
        assert_eq!(number(1_234_567.891, 1), "1,234,567.9");
        assert_eq!(number(-999.6, 0), "−1,000");
        assert_eq!(number(-0.04, 1), "0.0");
        assert_eq!(number(12.0, 2), "12.00");
        assert_eq!(percent(0.1424, 1), "14.2%");
        assert_eq!(signed(0.5, percent(0.5, 0)), "+50%");
        assert_eq!(signed(0.000_1, percent(0.000_1, 0)), "0%");
        assert_eq!(seconds(Some(200.4)), "3 min 20 s");
        assert_eq!(count_of(1, "ad", "ads") + &count_of(2000, "ad", "ads"), "1 ad2,000 ads");
    }

    #[test]
    fn what_is_not_a_number_is_a_dash() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(odd, 2), MISSING);
            assert_eq!(percent(odd, 2), MISSING);
            assert_eq!(signed(odd, number(odd, 0)), MISSING);
            assert_eq!(seconds(Some(odd)), MISSING);
        }
        assert_eq!((optional(None, 1), seconds(None)), (MISSING.to_owned(), MISSING.to_owned()));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(quantile(&[10.0, 20.0], 1.0), Some(20.0));
        assert_eq!((median(&[]), mean(&[]), margin_of_mean(&[1.0])), (None, None, None));
    }

    #[test]
    fn the_interval_of_a_share_holds_it_and_stays_within_0_and_1() {
        assert_eq!(share_interval(0, 0), None);
        for (hits, of) in [(0, 10), (9, 10), (10, 10), (900, 1000)] {
            let (low, high) = share_interval(hits, of).unwrap();
            let share = hits as f64 / of as f64;
            assert!(0.0 <= low && low <= share + 1e-9 && share <= high + 1e-9 && high <= 1.0, "{low} {high}");
        }
    }
}
