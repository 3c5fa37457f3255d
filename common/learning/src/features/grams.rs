//! N-grams of words and characters.

use common_core::fold::fold;

/// Characters inside a word besides letters and digits, as in `c++`, `c#`, `r&d` and `node.js`.
const INSIDE: [char; 4] = ['+', '#', '&', '.'];

/// Longest word, in bytes. Longer ones are no words but data.
const MAX_WORD_BYTES: usize = 40;

/// The words of `text`, folded: letters and digits, with `+ # & .` inside or `+ #` at the end.
pub fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let is_part = |c: char| c.is_alphanumeric() || INSIDE.contains(&c);
    folded
        .split(|c: char| !is_part(c))
        .map(|word| word.trim_start_matches(INSIDE).trim_end_matches(['&', '.']))
        .filter(|word| !word.is_empty() && word.len() <= MAX_WORD_BYTES)
        .map(str::to_owned)
        .collect()
}

/// Calls `visit` with every single word and every pair of neighbours.
pub fn word_grams(words: &[String], mut visit: impl FnMut(&str)) {
    let mut pair = String::new();
    for (at, word) in words.iter().enumerate() {
        visit(word);
        if let Some(next) = words.get(at + 1) {
            pair.clear();
            pair.push_str(word);
            pair.push(' ');
            pair.push_str(next);
            visit(&pair);
        }
    }
}

/// Calls `visit` with every sequence of 2 to 5 characters of the words, joined and surrounded by single spaces.
pub fn character_grams(words: &[String], mut visit: impl FnMut(&str)) {
    let text = format!(" {} ", words.join(" "));
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    starts.push(text.len());
    for length in 2..=5 {
        for window in starts.windows(length + 1) {
            visit(&text[window[0]..window[length]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grams(visit: impl Fn(&mut dyn FnMut(&str))) -> Vec<String> {
        let mut seen = Vec::new();
        visit(&mut |gram| seen.push(gram.to_owned()));
        seen
    }

    #[test]
    fn words_keep_the_signs_of_trades() {
        assert_eq!(words("C++/C# Dev, R&D (Node.JS). .NET!"), ["c++", "c#", "dev", "r&d", "node.js", "net"]);
        assert_eq!(words("Müller\u{2013}Ｎｕｒｓｅ"), ["muller", "nurse"]);
        assert!(words(&"x".repeat(41)).is_empty());
    }

    #[test]
    fn grams_of_words_and_characters() {
        let two = words("Staff Nurse");
        assert_eq!(grams(|visit| word_grams(&two, visit)), ["staff", "staff nurse", "nurse"]);
        let seen = grams(|visit| character_grams(&words("ab"), visit));
        assert_eq!(seen, [" a", "ab", "b ", " ab", "ab ", " ab "]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            let words = words(&text);
            character_grams(&words, |gram| assert!(!gram.is_empty()));
            word_grams(&words, |gram| assert!(!gram.is_empty()));
        }
    }
}
