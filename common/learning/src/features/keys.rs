//! Keys by which companies, titles and places are compared.

use common_core::fold::fold;

/// Words that companies add to their name without another company being meant.
const LEGAL_FORMS: &[&str] =
    &["pte", "ltd", "limited", "private", "plc", "llp", "llc", "inc", "co", "company", "corp", "corporation", "sdn", "bhd", "gmbh", "the"];

/// Letters and digits of `name`, folded, without legal forms such as "Pte Ltd". Empty if nothing is left.
pub fn company_key(name: &str) -> String {
    let folded = fold(name);
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| !LEGAL_FORMS.contains(word)).collect::<Vec<_>>().join(" ")
}

/// Letters of `title`, folded, without digits and punctuation.
pub fn title_key(title: &str) -> String {
    let folded = fold(title);
    folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
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
        assert_eq!(company_key("Pte Ltd"), "");
        assert_eq!(title_key("Nurse II (2025) - #12"), "nurse ii");
        assert_eq!(location_parts("Leeds, West  Yorkshire"), ("leeds".into(), "west yorkshire".into()));
        assert_eq!(location_parts("Central"), ("central".into(), "central".into()));
    }
}
