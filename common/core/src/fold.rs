//! Folding of text for comparison: accents, width and case. Words, filters and reasons all use it. Queries in a
//! warehouse do not fold; they are given all stored spellings with the same fold.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Folds `text` for comparison: replaces compatibility characters (full width, ligatures), and removes accents, case
/// and invisible characters.
///
/// Letters without a decomposition (ø, ł) and vowel signs of other scripts are unchanged. Folding is idempotent.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends the fold of `text` to `folded`.
pub fn fold_into(text: &str, folded: &mut String) {
    // Fast path: most text is ASCII.
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        folded[start..].make_ascii_lowercase();
        return;
    }
    // No Unicode composition crosses a space, so that pieces can be folded separately.
    for piece in text.split_inclusive(' ') {
        if piece.is_ascii() {
            folded.extend(piece.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            let plain = piece.nfkd().filter(|c| !is_accent(*c) && !is_ignorable(*c));
            // Case folding can produce letters that decompose.
            let lower = plain.default_case_fold().nfkd().filter(|c| !is_accent(*c));
            folded.extend(lower.nfc());
        }
    }
}

/// Folds a name for comparison: [`fold`] with white space trimmed and collapsed to single spaces.
pub fn fold_name(name: &str) -> String {
    let folded = fold(name);
    let mut words = folded.split_whitespace();
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        name.push(' ');
        name.push_str(word);
    }
    name
}

/// Returns whether `text` is a word that programs write for a missing value, such as `NaN`, `None` or `N/A`, in any
/// case.
pub fn is_missing_word(text: &str) -> bool {
    const WORDS: [&str; 10] = ["nan", "nat", "none", "null", "na", "n/a", "<na>", "#n/a", "-", "\\n"];
    WORDS.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Returns whether `text` has a visible character: neither white space nor a control, format or combining character.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| {
        !c.is_whitespace() && !c.is_control() && !is_ignorable(c) && !is_accent(c) && c != EMPTY_CELL
    })
}

/// The blank Braille pattern, which is invisible but not white space in Unicode.
const EMPTY_CELL: char = '\u{2800}';

/// Returns whether `c` is a combining mark of Latin, Greek or Cyrillic letters. Marks of other scripts are significant.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Returns whether `c` is a `Default_Ignorable_Code_Point` of Unicode or another invisible format character.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accents_width_and_case_are_folded() {
        for (one, other) in [
            ("Café", "cafe"),
            ("CAFE\u{301}", "cafe"),
            ("Ｎｕｒｓｅ", "nurse"),
            ("Ｒ＆Ｄ", "r&d"),
            ("STRASSE", "straße"),
            ("İstanbul", "istanbul"),
            ("ΟΔΟΣ", "οδος"),
            ("Zürich\u{200b}", "zurich"),
            ("ﬁnance", "finance"),
            ("Nur\u{ad}se", "nurse"),
            ("ﾊﾟｰﾄ", "パート"),
            ("Ǆ", "dž"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_eq!(fold("Café Ｎｕｒｓｅ  R&D"), "cafe nurse  r&d");
        // Different letters, syllables and vowels stay different.
        for (one, other) in [("ł", "l"), ("が", "か"), ("กิ", "กี"), ("한", "하")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
        assert_eq!(fold("한국"), "한국");
    }

    #[test]
    fn names_are_trimmed_and_have_single_spaces() {
        assert_eq!(fold_name("  Jürong\u{a0} \tEast "), "jurong east");
        assert_eq!(fold_name(" \u{3000}"), "");
    }

    #[test]
    fn invisible_text_is_detected() {
        for nothing in [
            "",
            " \t\n",
            "\u{200b}\u{feff}",
            "\u{0}\u{7f}\u{9f}",
            "\u{3000}\u{2028}",
            "\u{e0041}\u{fe0f}",
            "\u{3164}",
        ] {
            assert!(!is_visible(nothing), "{nothing:?}");
        }
        for something in ["a", "-", "\u{200b}x", "销", "🔥", "\u{fffd}"] {
            assert!(is_visible(something), "{something:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in ".{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
