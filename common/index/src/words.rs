//! Splits texts into words.
//!
//! A word is a sequence of letters and digits, folded ([`common_core::fold`]), or a technical term such as `c++`, `c#`,
//! `.net`, `r&d`, `node.js` or a single letter (`c`, `r`). Text in scripts without spaces is split into bigrams, so
//! that a word is found anywhere in it.

use std::collections::HashSet;
use std::sync::LazyLock;

use common_core::fold::fold_into;

/// Stop words: those of Snowball for English, and some that most ads contain.
static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "a about above after again against all also am an and any are as at be because been before being below between both but \
        by can could did do does doing down during each e.g etc few for from further had has have having he her here hers herself \
        him himself his how i i.e if in into is it its itself may me more most must my myself new no nor not of off on once one \
        only or other ought our ours ourselves out over own per same she should so some such than that the their theirs them \
        themselves then there these they this those through to too under until up us very was we well were what when where \
        which while who whom why will with within work would you your yours yourself yourselves"
        .split(' ')
        .collect()
});

/// Maximum length of a word in characters; longer ones are ignored.
const MAX_WORD_CHARS: usize = 40;

/// Returns whether a word is a stop word.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(word)
}

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryWord {
    pub(crate) word: String,
    /// Whether it matches as a prefix: nothing was typed after it.
    pub(crate) is_prefix: bool,
}

/// Splits texts into words; its buffers are reused for the next text.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    folded: String,
    chars: Vec<char>,
    parts: Vec<(usize, usize)>,
    word: String,
}

impl Scanner {
    /// The words of a short text: a title or a company name. Compound words such as `asp.net` are followed by their
    /// parts. Numbers without a letter are not words.
    pub(crate) fn words(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.scan(text, Unspaced::CharsAndBigrams, |word, _| found(word));
    }

    /// The words of a long text. Unlike in short texts, single letters are not words, dots separate words, and text in
    /// scripts without spaces is not split.
    pub(crate) fn words_of_prose(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.scan(text, Unspaced::Whole, |word, _| found(word));
    }

    /// Calls `found` with every word and the index of its end in the folded characters.
    fn scan(&mut self, text: &str, unspaced: Unspaced, found: impl FnMut(&str, usize)) {
        self.folded.clear();
        fold_into(text, &mut self.folded);
        self.chars.clear();
        // Scraped texts contain HTML entities.
        if self.folded.contains("&amp;") {
            self.chars.extend(self.folded.replace("&amp;", "&").chars());
        } else {
            self.chars.extend(self.folded.chars());
        }
        Scan { chars: &self.chars, parts: &mut self.parts, word: &mut self.word, found }.scan(unspaced);
    }
}

/// The words of a short text, as they are in the lexicon.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let mut all = Vec::new();
    Scanner::default().words(text, |word| all.push(word.to_owned()));
    all.into_iter()
}

/// The words of a query. The last one matches as a prefix unless something follows it.
pub(crate) fn words_of_query(text: &str) -> Vec<QueryWord> {
    let mut scanner = Scanner::default();
    let mut found = Vec::new();
    scanner.scan(text, Unspaced::Bigrams, |word, stop| found.push((word.to_owned(), stop)));
    let chars = &scanner.chars;
    let mut query_words: Vec<QueryWord> =
        found.into_iter().map(|(word, stop)| QueryWord { word, is_prefix: stop == chars.len() }).collect();
    // The query ends after the character that joins the two parts of a compound word.
    if let Some(beginning) = incomplete_compound(chars) {
        query_words.retain(|query_word| {
            query_word.word.chars().count() > 1
                || !beginning.ends_with('&')
                || !beginning.starts_with(&query_word.word)
        });
        query_words.push(QueryWord { word: beginning, is_prefix: true });
    }
    // A query of a single letter or digit is a prefix too.
    let mut typed = chars.iter().filter(|c| c.is_alphanumeric());
    if let (true, Some(one), None) = (query_words.is_empty(), typed.next(), typed.next()) {
        query_words.push(QueryWord { word: one.to_string(), is_prefix: chars.last() == Some(one) });
    }
    query_words
}

/// How text in scripts without spaces is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unspaced {
    /// Into characters and bigrams, for the lexicon.
    CharsAndBigrams,
    /// Into bigrams, or a single character if there is only one, for queries.
    Bigrams,
    /// Not at all.
    Whole,
}

struct Scan<'a, F> {
    chars: &'a [char],
    parts: &'a mut Vec<(usize, usize)>,
    word: &'a mut String,
    found: F,
}

impl<F: FnMut(&str, usize)> Scan<'_, F> {
    fn at(&self, index: usize) -> Option<char> {
        self.chars.get(index).copied()
    }

    fn is_letter(&self, index: usize) -> bool {
        self.at(index).is_some_and(is_plain)
    }

    fn scan(&mut self, unspaced: Unspaced) {
        let mut index = 0;
        while let Some(c) = self.at(index) {
            index = if is_unspaced(c) {
                self.unspaced(index, unspaced)
            } else if is_plain(c) {
                self.chunk(index, unspaced != Unspaced::Whole)
            } else if c == '.' && unspaced != Unspaced::Whole && self.begins_with_dot(index) {
                let end = self.chunk(index + 1, true);
                // `.net-core` and `.net/c#` contain the word `.net`.
                let stop = (index + 1..end).find(|&n| matches!(self.chars[n], '.' | '&')).unwrap_or(end);
                self.push(index, stop);
                end
            } else {
                index + 1
            };
        }
    }

    /// Returns whether the dot at `index` begins a word, as in `.net`.
    fn begins_with_dot(&self, index: usize) -> bool {
        let is_first =
            index == 0 || !(self.is_letter(index - 1) || matches!(self.chars[index - 1], '.' | '+' | '#'));
        is_first && self.at(index + 1).is_some_and(|c| is_plain(c) && c.is_alphabetic())
    }

    /// Scans letters and digits from `start` on, with `+` and `#` after them, and `&` and, in short texts, `.` between
    /// them; returns the end.
    fn chunk(&mut self, start: usize, is_name: bool) -> usize {
        let mut parts = std::mem::take(self.parts);
        parts.clear();
        let (mut part, mut index, mut has_dot) = (start, start, false);
        loop {
            while self.at(index).is_some_and(|c| is_plain(c) || matches!(c, '+' | '#')) {
                index += 1;
            }
            parts.push((part, index));
            let joins = match self.at(index) {
                Some('&') => self.is_letter(index + 1).then_some(index + 1),
                Some('.') if is_name => {
                    let joins = self.is_letter(index + 1).then_some(index + 1);
                    has_dot |= joins.is_some();
                    joins
                }
                // Only single letters are joined across spaces: R & D.
                Some(' ') if parts.len() == 1 && index == start + 1 && self.is_single_letter_word(start) => {
                    self.joined_letter(index)
                }
                _ => None,
            };
            let Some(next) = joins else { break };
            part = next;
            index = next;
        }
        if let [(from, to)] = parts[..] {
            if to > from + 1 || is_name && self.is_single_letter_word(from) {
                self.push(from, to);
            }
        } else {
            self.push_compound(&parts, has_dot);
        }
        *self.parts = parts;
        index
    }

    /// Emits a compound word and its parts.
    fn push_compound(&mut self, parts: &[(usize, usize)], has_dot: bool) {
        let (Some(&(start, _)), Some(&(last, end))) = (parts.first(), parts.last()) else { return };
        self.push_chars(self.chars[start..end].iter().filter(|c| **c != ' '), end);
        for &(from, to) in parts.iter().filter(|(from, to)| to > &(from + 1)) {
            self.push(from, to);
        }
        if has_dot && end > last + 1 && self.chars[last - 1] == '.' {
            // asp.net contains .net.
            self.push(last - 1, end);
        }
        if has_dot && parts.iter().all(|(from, to)| *to == from + 1) {
            // u.s.a is found as usa too.
            self.push_chars(parts.iter().map(|(from, _)| &self.chars[*from]), end);
        }
    }

    /// Returns whether the letter at `index` is a word by itself: it is not separated by a hyphen or an apostrophe from
    /// a word (e-commerce, driver's) and does not follow a dot.
    fn is_single_letter_word(&self, index: usize) -> bool {
        let is_joint = |c: char| matches!(c, '-' | '\u{2010}' | '\u{2011}');
        let is_apostrophe = |c: char| matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`' | '_' | '@');
        let before = index.checked_sub(1).and_then(|index| self.at(index));
        let after = self.at(index + 1);
        let is_cut_before = before.is_some_and(|c| {
            c == '.' || is_apostrophe(c) || is_joint(c) && index > 1 && self.is_letter(index - 2)
        });
        let is_cut_after =
            after.is_some_and(|c| is_apostrophe(c) || is_joint(c) && self.is_letter(index + 2));
        !is_cut_before && !is_cut_after
    }

    /// Index of the second letter of `r & d`, whose first letter ends at `index`.
    fn joined_letter(&self, index: usize) -> Option<usize> {
        let skip = |mut index: usize| {
            while self.at(index) == Some(' ') {
                index += 1;
            }
            index
        };
        let and = skip(index);
        let letter = skip(and + 1);
        let is_letter =
            self.at(and) == Some('&') && self.is_letter(letter) && self.chars[letter].is_alphabetic();
        let ends = !self
            .at(letter + 1)
            .is_some_and(|c| is_plain(c) || matches!(c, '+' | '#' | '\'' | '\u{2019}' | '.'));
        (is_letter && ends).then_some(letter)
    }

    fn unspaced(&mut self, start: usize, unspaced: Unspaced) -> usize {
        let mut end = start;
        while self.at(end).is_some_and(is_unspaced) {
            end += 1;
        }
        if unspaced == Unspaced::Whole {
            if end > start + 1 {
                self.push(start, end);
            }
            return end;
        }
        if unspaced == Unspaced::CharsAndBigrams || end == start + 1 {
            (start..end).for_each(|index| self.push(index, index + 1));
        }
        (start + 1..end).for_each(|index| self.push(index - 1, index + 1));
        end
    }

    fn push(&mut self, from: usize, to: usize) {
        self.push_chars(self.chars[from..to].iter(), to);
    }

    fn push_chars<'c>(&mut self, chars: impl Iterator<Item = &'c char>, end: usize) {
        self.word.clear();
        self.word.extend(chars);
        let is_short = self.word.len() <= MAX_WORD_CHARS || self.word.chars().nth(MAX_WORD_CHARS).is_none();
        if is_short && self.word.chars().any(char::is_alphabetic) {
            (self.found)(self.word, end);
        }
    }
}

/// The beginning of a compound word at the end of a query whose second part is not typed yet: `r&`, `r & `, `node.`.
fn incomplete_compound(chars: &[char]) -> Option<String> {
    let (joint, before) = match chars {
        [before @ .., '&'] | [before @ .., '&', ' '] => ('&', before),
        [before @ .., '.'] => ('.', before),
        _ => return None,
    };
    let spaces = before.iter().rev().take_while(|c| **c == ' ').count();
    let before = &before[..before.len() - spaces];
    let typed: Vec<char> = before
        .iter()
        .rev()
        .take_while(|c| is_plain(**c) || matches!(c, '+' | '#' | '.' | '&'))
        .copied()
        .collect();
    // Only single letters are joined across spaces.
    let is_joined = !typed.is_empty() && (spaces == 0 || joint == '&' && typed.len() == 1);
    let has_letter = typed.iter().any(|c| c.is_alphabetic());
    (is_joined && has_letter).then(|| typed.into_iter().rev().chain([joint]).collect())
}

/// Returns whether `c` is a letter or digit of a script with spaces between words.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() && c.is_alphanumeric() && !is_unspaced(c)
}

/// Returns whether `c` belongs to a script without spaces between words: Chinese, Japanese, Thai, Lao, Khmer and
/// Burmese, with their marks.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e01}'..='\u{e4e}' | '\u{e81}'..='\u{ecd}' | '\u{edc}'..='\u{edf}' | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}'
        | '\u{1780}'..='\u{17d3}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{3105}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(text: &str) -> Vec<String> {
        words(text).collect()
    }

    fn query_words(text: &str) -> Vec<(String, bool)> {
        words_of_query(text).into_iter().map(|query_word| (query_word.word, query_word.is_prefix)).collect()
    }

    #[test]
    fn technical_terms_are_words() {
        for (text, expected) in [
            ("R&D Engineer", vec!["r&d", "engineer"]),
            ("R & D, F&amp;B", vec!["r&d", "f&b"]),
            ("M & E Manager", vec!["m&e", "manager"]),
            ("C/C++ (C#)", vec!["c", "c++", "c#"]),
            ("R Developer, .NET", vec!["r", "developer", "net", ".net"]),
            ("ASP.NET", vec!["asp.net", "asp", "net", ".net"]),
            ("Ｎｕｒｓｅ Café", vec!["nurse", "cafe"]),
            ("Food & Beverage", vec!["food", "beverage"]),
            ("AT&T", vec!["at&t", "at"]),
            ("Driver's mate, e-commerce 2024", vec!["driver", "mate", "commerce"]),
            ("U.S.A. Inc.", vec!["u.s.a", "usa", "inc"]),
            ("Knows C. And R.", vec!["knows", "c", "and", "r"]),
            ("3D artist #hiring +65", vec!["3d", "artist", "hiring"]),
            ("资深sales经理", vec!["资", "深", "资深", "sales", "经", "理", "经理"]),
            ("", vec![]),
            (". & - + # ..a", vec![]),
        ] {
            assert_eq!(words_of(text), expected, "{text}");
        }
    }

    #[test]
    fn long_texts_have_no_single_letters_or_compounds_with_dots() {
        let mut text = Vec::new();
        let prose = "o Does R&D.Must know C, e.g. ASP.NET 寻找厨师";
        Scanner::default().words_of_prose(prose, |word| text.push(word.to_owned()));
        assert_eq!(text, ["does", "r&d", "must", "know", "asp", "net", "寻找厨师"]);
    }

    #[test]
    fn the_last_word_of_a_query_is_a_prefix() {
        let expect = |text: &str, expected: &[(&str, bool)]| {
            let expected: Vec<(String, bool)> =
                expected.iter().map(|(word, is_prefix)| ((*word).to_owned(), *is_prefix)).collect();
            assert_eq!(query_words(text), expected, "{text}");
        };
        expect("night nur", &[("night", false), ("nur", true)]);
        expect("nurse ", &[("nurse", false)]);
        expect("r", &[("r", true)]);
        expect("r&", &[("r&", true)]);
        expect("R & ", &[("r&", true)]);
        expect("r&d", &[("r&d", true)]);
        expect("c+", &[("c+", true)]);
        expect(".n", &[(".n", true)]);
        expect("node.", &[("node", false), ("node.", true)]);
        expect("销售", &[("销售", true)]);
        expect("销", &[("销", true)]);
        expect("4", &[("4", true)]);
        expect("4 2", &[]);
        expect(".", &[]);
        expect("&", &[]);
    }
}
