//! Keys by which companies, titles and places are compared.

use common_core::fold::{fold, is_missing_word};

/// Parts of company names that say only what kind of company it is.
const COMPANY_FORMS: [&str; 20] = [
    "pte",
    "ltd",
    "limited",
    "llp",
    "llc",
    "plc",
    "inc",
    "incorporated",
    "private",
    "pvt",
    "co",
    "company",
    "corp",
    "corporation",
    "sdn",
    "bhd",
    "gmbh",
    "ag",
    "bv",
    "sa",
];

/// The company's name for comparison: folded, without punctuation and legal form. `None` if the ad names no company.
pub fn company_key(name: &str) -> Option<String> {
    if is_missing_word(name) {
        return None;
    }
    let folded = fold(name);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let without_form: Vec<&str> =
        words.iter().copied().filter(|word| !COMPANY_FORMS.contains(word)).collect();
    let key = if without_form.is_empty() { words.join(" ") } else { without_form.join(" ") };
    (!key.is_empty()).then_some(key)
}

/// The title for comparison: folded, without digits and punctuation. `None` if no letter is left.
pub fn title_key(title: &str) -> Option<String> {
    let folded = fold(title);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The narrowest and the widest place that a location names: `Leeds, West Yorkshire` → `leeds` and `west yorkshire`.
pub fn location_parts(location: &str) -> (String, String) {
    let folded = fold(location);
    let mut parts = folded.split(',').map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let narrow = parts.next().unwrap_or_default();
    let wide = parts.next_back().unwrap_or_else(|| narrow.clone());
    (narrow, wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ignore_what_does_not_distinguish() {
        assert_eq!(company_key("ALPHA Works (S) Pte. Ltd."), company_key("Alpha works s"));
        assert_eq!(title_key("Nurse II (2025) - #12").as_deref(), Some("nurse ii"));
        assert_eq!(location_parts("Leeds, West  Yorkshire"), ("leeds".into(), "west yorkshire".into()));
        assert_eq!(location_parts("Central"), ("central".into(), "central".into()));
    }
}
