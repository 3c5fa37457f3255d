//! What a word is.
//!
//! Letters and digits, folded ([`common_core::fold`]), with what belongs to names of the trade: `c++`, `c#`, `.net`, `r&d`, `node.js`, and
//! single letters (`c`, `r`). Scripts without spaces are cut into pairs of characters, so that a word is found wherever it stands.

use std::collections::HashSet;
use std::sync::LazyLock;

use common_core::fold::fold_into;

/// Words that tell nothing, however rare they are in a small market: Snowball's English stop words, and some that every ad has.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "a about above after again against all also am an and any are as at be because been before being below between both but \
        by can could did do does doing down during each e.g etc few for from further had has have having he her here hers herself \
        him himself his how i i.e if in into is it its itself may me more most must my myself new no nor not of off on once one \
        only or other ought our ours ourselves out over own per same she should so some such than that the their theirs them \
        themselves then there these they this those through to too under until up us very was we well were what when where \
        which while who whom why will with within work would you your yours yourself yourselves"
        .split(' ')
        .collect()
});

/// The longest word that counts, in characters.
const LONGEST: usize = 40;

/// Whether a word is one of the language's most common.
pub(crate) fn is_common(word: &str) -> bool {
    COMMON.contains(word)
}

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) word: String,
    /// Whether it may be the beginning of a longer one: it is the last thing that was typed.
    pub(crate) is_open: bool,
}

/// Finds words, and keeps the memory that it works in for the next text.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    folded: String,
    chars: Vec<char>,
    parts: Vec<(usize, usize)>,
    word: String,
}

impl Scanner {
    /// The words of a short text that people are named by: a title, a company. A word made of several, such as `asp.net`, comes with its
    /// parts; no bare numbers.
    pub(crate) fn words(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.scan(text, Cut::All, |word, _| found(word));
    }

    /// The words of a long text: without what is a word in a name alone (single letters, parts joined by dots), and with text of scripts
    /// without spaces as it stands between other characters.
    pub(crate) fn words_of_prose(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.scan(text, Cut::None, |word, _| found(word));
    }

    /// Gives `found` every word, and where among the folded characters it ends.
    fn scan(&mut self, text: &str, cut: Cut, found: impl FnMut(&str, usize)) {
        self.folded.clear();
        fold_into(text, &mut self.folded);
        self.chars.clear();
        // Pages are scraped with the entities of HTML in them.
        if self.folded.contains("&amp;") {
            self.chars.extend(self.folded.replace("&amp;", "&").chars());
        } else {
            self.chars.extend(self.folded.chars());
        }
        Scan { chars: &self.chars, parts: &mut self.parts, word: &mut self.word, found }.scan(cut);
    }
}

/// The words of a short text that people are named by, as the lexicon has them.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let mut all = Vec::new();
    Scanner::default().words(text, |word| all.push(word.to_owned()));
    all.into_iter()
}

/// The words of a query, of which the last may be typed halfway.
pub(crate) fn words_of_query(text: &str) -> Vec<Asked> {
    let mut scanner = Scanner::default();
    let mut found = Vec::new();
    scanner.scan(text, Cut::Pairs, |word, stop| found.push((word.to_owned(), stop)));
    let chars = &scanner.chars;
    let mut asked: Vec<Asked> =
        found.into_iter().map(|(word, stop)| Asked { word, is_open: stop == chars.len() }).collect();
    // What joins two parts has been typed, and the second not yet.
    if let Some(beginning) = unfinished(chars) {
        asked.retain(|asked| {
            asked.word.chars().count() > 1 || !beginning.ends_with('&') || !beginning.starts_with(&asked.word)
        });
        asked.push(Asked { word: beginning, is_open: true });
    }
    // One letter or digit may be all that is typed.
    let mut typed = chars.iter().filter(|c| c.is_alphanumeric());
    if let (true, Some(one), None) = (asked.is_empty(), typed.next(), typed.next()) {
        asked.push(Asked { word: one.to_string(), is_open: chars.last() == Some(one) });
    }
    asked
}

/// How scripts without spaces are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Into characters and pairs of them: what can be found.
    All,
    /// Into pairs, or the one character that is all: what is looked for.
    Pairs,
    /// Not at all.
    None,
}

struct Scan<'a, F> {
    chars: &'a [char],
    parts: &'a mut Vec<(usize, usize)>,
    word: &'a mut String,
    found: F,
}

impl<F: FnMut(&str, usize)> Scan<'_, F> {
    fn at(&self, place: usize) -> Option<char> {
        self.chars.get(place).copied()
    }

    fn is_letter(&self, place: usize) -> bool {
        self.at(place).is_some_and(is_plain)
    }

    fn scan(&mut self, cut: Cut) {
        let mut place = 0;
        while let Some(c) = self.at(place) {
            place = if is_unspaced(c) {
                self.unspaced(place, cut)
            } else if is_plain(c) {
                self.chunk(place, cut != Cut::None)
            } else if c == '.' && cut != Cut::None && self.begins_with_dot(place) {
                let end = self.chunk(place + 1, true);
                // Of `.net-core` and `.net/c#` the first part.
                let stop = (place + 1..end).find(|&n| matches!(self.chars[n], '.' | '&')).unwrap_or(end);
                self.push(place, stop);
                end
            } else {
                place + 1
            };
        }
    }

    /// Whether the dot at `place` is the beginning of a word, as in `.net`.
    fn begins_with_dot(&self, place: usize) -> bool {
        let is_first =
            place == 0 || !(self.is_letter(place - 1) || matches!(self.chars[place - 1], '.' | '+' | '#'));
        is_first && self.at(place + 1).is_some_and(|c| is_plain(c) && c.is_alphabetic())
    }

    /// Takes letters and digits from `start` on, with `+` and `#` after them and with `&` and, in names, `.` between them.
    fn chunk(&mut self, start: usize, is_name: bool) -> usize {
        let mut parts = std::mem::take(self.parts);
        parts.clear();
        let (mut part, mut place, mut has_dot) = (start, start, false);
        loop {
            while self.at(place).is_some_and(|c| is_plain(c) || matches!(c, '+' | '#')) {
                place += 1;
            }
            parts.push((part, place));
            let joins = match self.at(place) {
                Some('&') => self.is_letter(place + 1).then_some(place + 1),
                Some('.') if is_name => {
                    let joins = self.is_letter(place + 1).then_some(place + 1);
                    has_dot |= joins.is_some();
                    joins
                }
                // R & D: only single letters are joined over spaces.
                Some(' ') if parts.len() == 1 && place == start + 1 && self.stands_alone(start) => {
                    self.joined_letter(place)
                }
                _ => None,
            };
            let Some(next) = joins else { break };
            part = next;
            place = next;
        }
        if let [(from, to)] = parts[..] {
            if to > from + 1 || is_name && self.stands_alone(from) {
                self.push(from, to);
            }
        } else {
            self.joined(&parts, has_dot);
        }
        *self.parts = parts;
        place
    }

    /// A word of several parts, and the parts.
    fn joined(&mut self, parts: &[(usize, usize)], has_dot: bool) {
        let (Some(&(start, _)), Some(&(last, end))) = (parts.first(), parts.last()) else { return };
        self.push_chars(self.chars[start..end].iter().filter(|c| **c != ' '), end);
        for &(from, to) in parts.iter().filter(|(from, to)| to > &(from + 1)) {
            self.push(from, to);
        }
        if has_dot && end > last + 1 && self.chars[last - 1] == '.' {
            // asp.net is .net too.
            self.push(last - 1, end);
        }
        if has_dot && parts.iter().all(|(from, to)| *to == from + 1) {
            // u.s.a is usa.
            self.push_chars(parts.iter().map(|(from, _)| &self.chars[*from]), end);
        }
    }

    /// Whether the letter at `place` is no part of a word cut at a hyphen or an apostrophe (e-commerce, driver's), nor what follows a dot.
    fn stands_alone(&self, place: usize) -> bool {
        let is_joint = |c: char| matches!(c, '-' | '\u{2010}' | '\u{2011}');
        let is_apostrophe = |c: char| matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`' | '_' | '@');
        let before = place.checked_sub(1).and_then(|place| self.at(place));
        let after = self.at(place + 1);
        let is_cut_before = before.is_some_and(|c| {
            c == '.' || is_apostrophe(c) || is_joint(c) && place > 1 && self.is_letter(place - 2)
        });
        let is_cut_after =
            after.is_some_and(|c| is_apostrophe(c) || is_joint(c) && self.is_letter(place + 2));
        !is_cut_before && !is_cut_after
    }

    /// Where the second letter of `r & d` is, whose first ends at `place`.
    fn joined_letter(&self, place: usize) -> Option<usize> {
        let skip = |mut place: usize| {
            while self.at(place) == Some(' ') {
                place += 1;
            }
            place
        };
        let and = skip(place);
        let letter = skip(and + 1);
        let is_letter =
            self.at(and) == Some('&') && self.is_letter(letter) && self.chars[letter].is_alphabetic();
        let ends = !self
            .at(letter + 1)
            .is_some_and(|c| is_plain(c) || matches!(c, '+' | '#' | '\'' | '\u{2019}' | '.'));
        (is_letter && ends).then_some(letter)
    }

    fn unspaced(&mut self, start: usize, cut: Cut) -> usize {
        let mut end = start;
        while self.at(end).is_some_and(is_unspaced) {
            end += 1;
        }
        if cut == Cut::None {
            if end > start + 1 {
                self.push(start, end);
            }
            return end;
        }
        if cut == Cut::All || end == start + 1 {
            (start..end).for_each(|place| self.push(place, place + 1));
        }
        (start + 1..end).for_each(|place| self.push(place - 1, place + 1));
        end
    }

    fn push(&mut self, from: usize, to: usize) {
        self.push_chars(self.chars[from..to].iter(), to);
    }

    fn push_chars<'c>(&mut self, chars: impl Iterator<Item = &'c char>, end: usize) {
        self.word.clear();
        self.word.extend(chars);
        let is_short = self.word.len() <= LONGEST || self.word.chars().nth(LONGEST).is_none();
        if is_short && self.word.chars().any(char::is_alphabetic) {
            (self.found)(self.word, end);
        }
    }
}

/// What is typed of a word whose second part is still to come: `r&`, `r & `, `node.`.
fn unfinished(chars: &[char]) -> Option<String> {
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
    // Only single letters are joined over spaces.
    let is_joined = !typed.is_empty() && (spaces == 0 || joint == '&' && typed.len() == 1);
    let has_letter = typed.iter().any(|c| c.is_alphabetic());
    (is_joined && has_letter).then(|| typed.into_iter().rev().chain([joint]).collect())
}

/// A letter or digit of a script that has spaces.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() && c.is_alphanumeric() && !is_unspaced(c)
}

/// A character of a script that puts no spaces between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese, with their marks.
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

    fn of(text: &str) -> Vec<String> {
        words(text).collect()
    }

    fn asked(text: &str) -> Vec<(String, bool)> {
        words_of_query(text).into_iter().map(|asked| (asked.word, asked.is_open)).collect()
    }

    #[test]
    fn names_of_the_trade_are_words() {
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
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn prose_has_no_words_that_only_names_have() {
        let mut text = Vec::new();
        let prose = "o Does R&D.Must know C, e.g. ASP.NET 寻找厨师";
        Scanner::default().words_of_prose(prose, |word| text.push(word.to_owned()));
        assert_eq!(text, ["does", "r&d", "must", "know", "asp", "net", "寻找厨师"]);
    }

    #[test]
    fn the_last_word_of_a_query_may_be_typed_halfway() {
        let expect = |text: &str, expected: &[(&str, bool)]| {
            let expected: Vec<(String, bool)> =
                expected.iter().map(|(word, is_open)| ((*word).to_owned(), *is_open)).collect();
            assert_eq!(asked(text), expected, "{text}");
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
