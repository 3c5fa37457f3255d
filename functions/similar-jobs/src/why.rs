//! Explains why an ad is similar: one sentence for each reason that the index found.

use common::index::Reason;
use serde::Serialize;

/// A reason, readable by people and programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Why {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    terms: Vec<String>,
}

impl From<Reason> for Why {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Classification(name) => {
                Self { kind: "classification", text: format!("both in {name}"), terms: Vec::new() }
            }
            Reason::Terms(terms) => {
                Self { kind: "terms", text: format!("both mention {}", terms.join(", ")), terms }
            }
            Reason::Salary { from, to, currency } => {
                let (from, to) = (amount(from), amount(to));
                let text = if from == to {
                    format!("salaries meet at {from} {currency} a month")
                } else {
                    format!("salaries overlap from {from} to {to} {currency} a month")
                };
                Self { kind: "salary", text, terms: Vec::new() }
            }
        }
    }
}

/// A whole number with commas between thousands.
fn amount(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reason: Reason) -> String {
        Why::from(reason).text
    }

    #[test]
    fn every_reason_is_one_sentence() {
        assert_eq!(text(Reason::Classification("Accounting".into())), "both in Accounting");
        let terms = Why::from(Reason::Terms(vec!["audit".into(), "IFRS".into()]));
        assert_eq!((terms.text.as_str(), terms.terms.len()), ("both mention audit, IFRS", 2));
        let salary = |from, to| text(Reason::Salary { from, to, currency: "SGD".into() });
        assert_eq!(salary(4500.0, 6000.0), "salaries overlap from 4,500 to 6,000 SGD a month");
        assert_eq!(salary(999.6, 1000.2), "salaries meet at 1,000 SGD a month");
        assert_eq!(salary(0.0, 1_234_567.0), "salaries overlap from 0 to 1,234,567 SGD a month");
    }
}
