//! Detects the delimiter and the escape character of a CSV file from its beginning.

use super::quotes::{Dialect, QuoteScanner};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The result of the detection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Detected {
    pub(super) dialect: Dialect,
    /// Whether the first line is Excel's `sep=;`.
    pub(super) has_sep_line: bool,
}

/// Detects the dialect of a file that begins with `head`, which is the whole file if `is_whole`. `escape` is the value
/// of `--escape`, and `is_known` returns whether a name belongs to a column that is read.
pub(super) fn detect(
    head: &[u8],
    is_whole: bool,
    escape: Option<u8>,
    is_known: impl Fn(&str) -> bool,
) -> Detected {
    if let Some((delimiter, length)) = sep_line(head) {
        let dialect = Dialect {
            delimiter,
            escape: escape.or_else(|| detect_escape(&head[length..], is_whole, delimiter)),
        };
        return Detected { dialect, has_sep_line: true };
    }
    let delimiter = delimiter(head, is_known);
    let dialect = Dialect { delimiter, escape: escape.or_else(|| detect_escape(head, is_whole, delimiter)) };
    Detected { dialect, has_sep_line: false }
}

/// The delimiter of a first line `sep=X`, and the length of that line without its line break.
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

/// The delimiter with which the header has the most known names and, among equals, the most cells.
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
    // `max_by_key` returns the last of equals: reversed, that is the comma for a file with one column.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

/// A backslash, if the quotes of `head` are invalid without an escape character and valid with it.
fn detect_escape(head: &[u8], is_whole: bool, delimiter: u8) -> Option<u8> {
    let is_valid = |escape| {
        let mut scanner = QuoteScanner::new(Dialect { delimiter, escape });
        let outcome = scanner.scan(head, &mut Vec::new());
        (outcome.is_ok() && !(is_whole && scanner.is_inside_quotes()), scanner.has_backslashed_quotes)
    };
    let (is_valid_without, has_backslashed_quotes) = is_valid(None);
    (!is_valid_without && has_backslashed_quotes && is_valid(Some(b'\\')).0).then_some(b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(text: &str) -> (char, Option<u8>, bool) {
        let Detected { dialect, has_sep_line } =
            detect(text.as_bytes(), true, None, |name| ["id", "title"].contains(&name));
        (char::from(dialect.delimiter), dialect.escape, has_sep_line)
    }

    #[test]
    fn the_dialect_is_detected_from_the_content() {
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
            assert_eq!(detected(text), expected, "{text}");
        }
    }
}
