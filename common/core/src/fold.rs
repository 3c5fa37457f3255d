//! How text is compared: accents, width and case folded. The one folding of the bundle: words, filters and reasons use it, and a
//! warehouse is given the stored spellings that it finds equal.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Folds `text` for comparison: compatible forms (full width, ligatures) as their usual ones, letters without accents and case, and
/// without the characters that nobody sees.
///
/// Letters that only look like an accented one stay what they are (ø, ł); so do the vowel signs of scripts that have them.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends what [`fold`] returns to `folded`.
pub fn fold_into(text: &str, folded: &mut String) {
    // Most text is ASCII.
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        folded[start..].make_ascii_lowercase();
        return;
    }
    // No character of Unicode reaches across a space.
    for piece in text.split_inclusive(' ') {
        if piece.is_ascii() {
            folded.extend(piece.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            let plain = piece.nfkd().filter(|c| !is_accent(*c) && !is_ignorable(*c));
            // Folding can give letters that decompose again.
            let lower = plain.default_case_fold().nfkd().filter(|c| !is_accent(*c));
            folded.extend(lower.nfc());
        }
    }
}

/// Folds a name for comparison: like [`fold`], without white space around it, and with one space where it has more.
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

/// Whether `text` is a word that programs write for a missing value: `NaN`, `None`, `N/A` and their like, in any case.
pub fn is_missing_word(text: &str) -> bool {
    const WORDS: [&str; 10] = ["nan", "nat", "none", "null", "na", "n/a", "<na>", "#n/a", "-", "\\n"];
    WORDS.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Whether anything of `text` can be seen: a character that is neither white space nor a control or format character.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| {
        !c.is_whitespace() && !c.is_control() && !is_ignorable(c) && !is_accent(c) && c != EMPTY_CELL
    })
}

/// The Braille cell without dots: no white space to Unicode, and nothing to see.
const EMPTY_CELL: char = '\u{2800}';

/// Accents: the combining marks that Latin, Greek and Cyrillic letters take. Marks of other scripts are letters' other half.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// What Unicode says programs may ignore (`Default_Ignorable_Code_Point`), and the other format characters that have no form.
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
        // Another letter, another syllable, another vowel.
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
    fn what_nobody_sees_is_told_from_what_is_there() {
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
        fn folding_twice_is_folding_once(text in ".{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
