//! Validates the quoting of CSV and normalizes escapes before the parser: the csv crate parses `"a "b" c"` and
//! `"a \"b\" c"` without an error and garbles both.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::decode::{InvalidContent, Source};

const BUFFER_BYTES: usize = 1 << 16;
/// Maximum size of a row. A longer one has a quote that is never closed, which would load the rest of the file into
/// memory.
const MAX_ROW_BYTES: usize = 64 << 20;

/// Delimiter and escape character of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// The character that escapes a quote inside a quoted cell, in addition to doubling the quote.
    pub(super) escape: Option<u8>,
}

/// State of the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a cell's first byte.
    Start,
    Unquoted,
    /// After the escape character in an unquoted cell.
    UnquotedEscaped,
    Quoted,
    /// After the escape character inside a quoted cell.
    Escaped,
    /// After a quote inside a quoted cell, which closes the cell unless another one follows; whether a backslash
    /// precedes it.
    Closed(bool),
    /// After spaces that follow a closing quote.
    Padded,
}

/// Scans the quotes of a file, and rewrites escaped quotes as RFC 4180 does: doubled.
#[derive(Debug)]
pub(super) struct QuoteScanner {
    dialect: Dialect,
    state: State,
    /// Number of complete rows, without blank lines.
    rows: u64,
    /// Number of complete lines.
    lines: u64,
    is_blank: bool,
    last: u8,
    /// Whether a backslash preceded a quote inside a quoted cell.
    pub(super) has_backslashed_quotes: bool,
}

/// Text after a closing quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidQuoting {
    /// Number of rows before it, including the header.
    rows: u64,
    lines: u64,
    /// Whether a backslash precedes the quote.
    is_backslashed: bool,
}

impl InvalidQuoting {
    /// The error message; rows are counted from the first row of data.
    pub(super) fn message(self, rows_before_data: u64) -> String {
        let location = match row_name(self.rows, rows_before_data) {
            row if row.starts_with("row") => format!("{row} (line {})", self.lines + 1),
            header => header,
        };
        if self.is_backslashed {
            format!(
                "{location} has \\\" inside a quoted cell; if that is an escaped quote, load the file with {ESCAPE_FLAG}"
            )
        } else {
            format!(
                "{location} has text after a closing quote; expected quotes inside a quoted cell to be doubled (\"\")"
            )
        }
    }
}

/// Name in errors of the row after the first `rows` rows, which include the header.
fn row_name(rows: u64, rows_before_data: u64) -> String {
    match (rows + 1).checked_sub(rows_before_data) {
        Some(row @ 1..) => format!("row {row}"),
        _ => "the header".to_owned(),
    }
}

/// The flag for files that escape quotes with a backslash.
pub(super) const ESCAPE_FLAG: &str = "--escape '\\'";

impl QuoteScanner {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            state: State::Start,
            rows: 0,
            lines: 0,
            is_blank: true,
            last: 0,
            has_backslashed_quotes: false,
        }
    }

    /// Returns whether a quoted cell is open.
    pub(super) fn is_inside_quotes(&self) -> bool {
        matches!(self.state, State::Quoted | State::Escaped)
    }

    /// Scans `bytes`, the continuation of the bytes of earlier calls, and appends them to `out` with doubled quotes.
    pub(super) fn scan(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), InvalidQuoting> {
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self.state {
                State::Start if byte == b'"' => {
                    self.is_blank = false;
                    self.take(&bytes[at..=at], State::Quoted, out);
                    at += 1;
                }
                State::Start | State::Unquoted => {
                    let end =
                        memchr3(self.dialect.delimiter, b'\n', b'\r', &bytes[at..]).map(|found| at + found);
                    let cell = &bytes[at..end.unwrap_or(bytes.len())];
                    // The first byte of a cell is not unescaped: an escaped quote there would begin a quoted cell.
                    let first = usize::from(self.state == State::Start);
                    let escape = self.dialect.escape.filter(|_| cell.len() > first);
                    if let Some(found) = escape.and_then(|escape| memchr(escape, &cell[first..])) {
                        self.is_blank = false;
                        self.take(&cell[..first + found], State::UnquotedEscaped, out);
                        at += first + found + 1;
                        continue;
                    }
                    let Some(end) = end else {
                        self.is_blank = false;
                        self.take(&bytes[at..], State::Unquoted, out);
                        return Ok(());
                    };
                    self.is_blank &= end == at;
                    self.end_of_cell(bytes[end]);
                    self.take(&bytes[at..=end], State::Start, out);
                    at = end + 1;
                }
                State::Quoted => {
                    let escape = self.dialect.escape.unwrap_or(b'"');
                    let end = memchr2(b'"', escape, &bytes[at..]).map_or(bytes.len(), |found| at + found);
                    self.lines += memchr_iter(b'\n', &bytes[at..end]).count() as u64;
                    if end > at {
                        self.take(&bytes[at..end], State::Quoted, out);
                    }
                    at = end;
                    match bytes.get(at) {
                        Some(b'"') => {
                            let is_backslashed = self.last == b'\\';
                            self.has_backslashed_quotes |= is_backslashed;
                            self.take(b"\"", State::Closed(is_backslashed), out);
                            at += 1;
                        }
                        Some(_) => {
                            self.state = State::Escaped;
                            at += 1;
                        }
                        None => {}
                    }
                }
                State::UnquotedEscaped => {
                    // `\"` is a quote and `\\` a backslash; before any other byte the backslash is kept.
                    let escape = self.dialect.escape.unwrap_or(b'"');
                    let is_unescaped = byte == b'"' || byte == escape;
                    if is_unescaped {
                        out.push(byte);
                        at += 1;
                    } else {
                        out.push(escape);
                    }
                    (self.state, self.last) = (State::Unquoted, 0);
                }
                State::Escaped => {
                    // `\"` is a quote, `\\` a backslash and an escaped line break a line break; before any other byte
                    // the backslash is kept.
                    let escape = self.dialect.escape.unwrap_or(b'"');
                    self.lines += u64::from(byte == b'\n');
                    match byte {
                        b'"' => out.extend(b"\"\""),
                        b'\n' | b'\r' => out.push(byte),
                        _ if byte == escape => out.push(escape),
                        _ => out.extend([escape, byte]),
                    }
                    (self.state, self.last) = (State::Quoted, 0);
                    at += 1;
                }
                State::Closed(is_backslashed) => {
                    self.after_quote(byte, is_backslashed)?;
                    out.push(byte);
                    at += 1;
                }
                State::Padded => {
                    self.after_quote(byte, false)?;
                    out.push(byte);
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], state: State, out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.state = state;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Handles the byte after a quote or after spaces that follow a closing quote.
    fn after_quote(&mut self, byte: u8, is_backslashed: bool) -> Result<(), InvalidQuoting> {
        self.last = byte;
        self.state = match byte {
            b'"' if self.state != State::Padded => State::Quoted,
            _ if byte == self.dialect.delimiter || matches!(byte, b'\n' | b'\r') => {
                self.end_of_cell(byte);
                State::Start
            }
            b' ' => State::Padded,
            _ => return Err(InvalidQuoting { rows: self.rows, lines: self.lines, is_backslashed }),
        };
        Ok(())
    }

    fn end_of_cell(&mut self, byte: u8) {
        if byte == self.dialect.delimiter {
            self.is_blank = false;
        } else {
            self.lines += u64::from(byte == b'\n');
            self.rows += u64::from(!self.is_blank);
            self.is_blank = true;
        }
    }
}

/// A CSV source whose quoting is validated and normalized.
pub(super) struct NormalizedQuotes {
    source: Source,
    scanner: QuoteScanner,
    /// Number of rows before the first row of data: the header and a `sep=` line.
    rows_before_data: u64,
    /// Size of the current row, with the precision of one buffer.
    row_bytes: usize,
    raw: Vec<u8>,
    text: Vec<u8>,
    taken: usize,
    is_finished: bool,
}

impl NormalizedQuotes {
    pub(super) fn new(source: Source, dialect: Dialect, rows_before_data: u64) -> Self {
        let scanner = QuoteScanner::new(dialect);
        Self {
            source,
            scanner,
            rows_before_data,
            row_bytes: 0,
            raw: vec![0; BUFFER_BYTES],
            text: Vec::new(),
            taken: 0,
            is_finished: false,
        }
    }

    /// The escape character.
    pub(super) fn escape(&self) -> Option<u8> {
        self.scanner.dialect.escape
    }

    /// Returns whether a backslash preceded a quote inside a quoted cell.
    pub(super) fn has_backslashed_quotes(&self) -> bool {
        self.scanner.has_backslashed_quotes
    }
}

impl Read for NormalizedQuotes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !self.is_finished {
            self.text.clear();
            self.taken = 0;
            let length = self.source.read(&mut self.raw)?;
            self.is_finished = length == 0;
            let rows = self.scanner.rows;
            let scanned = self.scanner.scan(&self.raw[..length], &mut self.text);
            scanned.map_err(|error| InvalidContent::error(error.message(self.rows_before_data)))?;
            self.row_bytes = if self.scanner.rows == rows { self.row_bytes + length } else { 0 };
            if self.row_bytes > MAX_ROW_BYTES {
                let row = row_name(rows, self.rows_before_data);
                return Err(InvalidContent::error(format!(
                    "{row} is longer than {} MiB; it may open a quote that is never closed",
                    MAX_ROW_BYTES >> 20
                )));
            }
        }
        let length = into.len().min(self.text.len() - self.taken);
        into[..length].copy_from_slice(&self.text[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, escape: Option<u8>, piece: usize) -> Result<String, InvalidQuoting> {
        let mut scanner = QuoteScanner::new(Dialect { delimiter: b',', escape });
        let mut out = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            scanner.scan(bytes, &mut out)?;
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn well_quoted_text_is_unchanged() {
        for text in [
            "a,b\n\"x\"\"y\",z\n",
            "5\" pipe,a\"b\"\n",
            "\"C:\\\",\"\"\r\n",
            "\"two\nlines\" ,x",
            "\"open",
            ",,\n\n\"\",\"\"",
        ] {
            for piece in [1, 2, 3, 100] {
                assert_eq!(scan(text, None, piece).as_deref(), Ok(text), "{piece}");
            }
        }
    }

    #[test]
    fn text_after_a_closing_quote_is_an_error_with_row_and_line() {
        for (text, expected) in [
            ("h\n\nx,\"a \"b\" c\"\n", "row 1 (line 3) has text after a closing quote"),
            ("h\n\"a\nb\"\nx,\"say \\\"hi\\\"\"\n", "row 2 (line 4) has \\\" inside a quoted cell"),
            ("\"a\" \"b\"\n", "the header has text after a closing quote"),
        ] {
            for piece in [1, 2, 100] {
                let error = scan(text, None, piece).unwrap_err().message(1);
                assert!(error.starts_with(expected), "{error}");
            }
        }
    }

    #[test]
    fn the_size_of_a_row_with_an_unclosed_quote_is_limited() {
        let (head, rest) = (&b"h\nx\n\"5 inch pipe\n"[..], io::repeat(b'y'));
        let mut source =
            NormalizedQuotes::new(Box::new(head.chain(rest)), Dialect { delimiter: b',', escape: None }, 1);
        let error = io::copy(&mut source, &mut io::sink()).unwrap_err();
        let expected = "row 2 is longer than 64 MiB; it may open a quote that is never closed";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn escapes_are_normalized() {
        for (text, expected) in [
            (r#""say \"hi\"""#, r#""say ""hi""""#),
            (r#""a\\","b""#, r#""a\","b""#),
            (r#""C:\new \- x""#, r#""C:\new \- x""#),
            (r#""twice """#, r#""twice """#),
            ("\"line\\\nend\",\\\"", "\"line\nend\",\\\""),
            (r#"He error \"hi\" in C:\dir\\x\,next"#, r#"He error "hi" in C:\dir\x\,next"#),
        ] {
            for piece in [1, 2, 100] {
                assert_eq!(scan(text, Some(b'\\'), piece).as_deref(), Ok(expected), "{text} {piece}");
            }
        }
    }
}
