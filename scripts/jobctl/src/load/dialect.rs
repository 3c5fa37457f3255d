//! How a CSV file separates and quotes, seen from its beginning.

use super::quotes::{Dialect, Follower};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What the beginning of a file shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) dialect: Dialect,
    /// Whether the first line is Excel's `sep=;`.
    pub(super) has_sep_line: bool,
}

/// Finds the dialect of `head`, which is the whole file if `is_whole`; `escape` is what the user says, and
/// `is_known` whether a name is one of a column that is looked for.
pub(super) fn of(head: &[u8], is_whole: bool, escape: Option<u8>, is_known: impl Fn(&str) -> bool) -> Seen {
    if let Some((delimiter, length)) = sep_line(head) {
        let dialect = Dialect {
            delimiter,
            escape: escape.or_else(|| seen_escape(&head[length..], is_whole, delimiter)),
        };
        return Seen { dialect, has_sep_line: true };
    }
    let delimiter = delimiter(head, is_known);
    let dialect = Dialect { delimiter, escape: escape.or_else(|| seen_escape(head, is_whole, delimiter)) };
    Seen { dialect, has_sep_line: false }
}

/// The delimiter that a first line `sep=X` names, and that line's length without its end.
fn sep_line(head: &[u8]) -> Option<(u8, usize)> {
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let text = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match text {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] if delimiter.is_ascii() => {
            Some((*delimiter, line.len()))
        }
        _ => None,
    }
}

/// The delimiter that gives the header the most known names, and of equals the most cells.
fn delimiter(head: &[u8], is_known: impl Fn(&str) -> bool) -> u8 {
    let score = |delimiter: &u8| {
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(*delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(head);
        let mut header = csv::ByteRecord::new();
        let _ = rows.read_byte_record(&mut header);
        let known = header.iter().filter(|name| std::str::from_utf8(name).is_ok_and(&is_known)).count();
        (known, header.len())
    };
    // The first of equals: a comma where there is one column.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

/// A backslash, where the file's beginning makes no sense without it and does with it.
fn seen_escape(head: &[u8], is_whole: bool, delimiter: u8) -> Option<u8> {
    let is_sound = |escape| {
        let mut follower = Follower::new(Dialect { delimiter, escape });
        let outcome = follower.follow(head, &mut Vec::new());
        (outcome.is_ok() && !(is_whole && follower.is_inside_quotes()), follower.has_backslashed_quotes)
    };
    let (is_sound_without, has_backslashed_quotes) = is_sound(None);
    (!is_sound_without && has_backslashed_quotes && is_sound(Some(b'\\')).0).then_some(b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> (char, Option<u8>, bool) {
        let Seen { dialect, has_sep_line } =
            of(text.as_bytes(), true, None, |name| ["id", "title"].contains(&name));
        (char::from(dialect.delimiter), dialect.escape, has_sep_line)
    }

    #[test]
    fn a_dialect_is_seen_from_the_file() {
        for (text, expected) in [
            ("id,title\n", (',', None, false)),
            ("id;title\n", (';', None, false)),
            ("id\ttitle\n", ('\t', None, false)),
            ("id|title\n", ('|', None, false)),
            ("id;title;a,b,c,d\n", (';', None, false)),
            ("\"id\";\"title\"\n", (';', None, false)),
            ("id\n", (',', None, false)),
            ("x;y;z\n", (';', None, false)),
            ("sep=;\nid;title\n", (';', None, true)),
            ("\"sep=|\"\r\nid|title\n", ('|', None, true)),
            ("id,title\n1,\"a \\\"b\\\" c\"\n", (',', Some(b'\\'), false)),
            ("id,title\n1,\"ends \\\"\"\n", (',', Some(b'\\'), false)),
            ("id,title\n1,\"C:\\\"\n", (',', None, false)),
            ("id,title\n1,\"a \"b\" c\"\n", (',', None, false)),
            ("id,title\n1,\"C:\\\"\n2,\"a \\\"b\\\"\"\n", (',', None, false)),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }
}
