//! The quotes of CSV, checked before the parser sees them: it takes `"a "b" c"` and `"a \"b\" c"` without a word and
//! garbles both.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::decode::{Fault, Source};

const BUFFER_BYTES: usize = 1 << 16;
/// The longest row. Beyond it is a quote that is never closed, which would else take the rest of the file into memory.
const ROW_BYTES: usize = 64 << 20;

/// How cells are set apart and quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// What stands before a quote inside a quoted cell, besides another quote.
    pub(super) escape: Option<u8>,
}

/// Where in a row the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a cell's first byte.
    Start,
    Unquoted,
    /// After the escape character in a cell without quotes.
    UnquotedEscaped,
    Quoted,
    /// After the escape character inside a quoted cell.
    Escaped,
    /// After a quote inside a quoted cell; whether a backslash was before it.
    Closed(bool),
    /// After a space behind a closing quote.
    Padded,
}

/// Follows the quotes of a file and writes escaped quotes as RFC 4180 does, twice.
#[derive(Debug)]
pub(super) struct Follower {
    dialect: Dialect,
    state: State,
    /// Rows that have ended; blank lines are none.
    rows: u64,
    /// Lines that have ended.
    lines: u64,
    is_blank: bool,
    last: u8,
    /// Whether a backslash stood before a quote inside a quoted cell.
    pub(super) has_backslashed_quotes: bool,
}

/// What cannot be read in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    /// Rows before it, the header among them.
    rows: u64,
    lines: u64,
    is_backslashed: bool,
}

impl Broken {
    /// What to tell of it, with the data row where the header is row 0.
    pub(super) fn sentence(self, rows_before_data: u64) -> String {
        let place = match place(self.rows, rows_before_data) {
            row if row.starts_with("row") => format!("{row} (line {})", self.lines + 1),
            header => header,
        };
        if self.is_backslashed {
            format!(
                "{place} has \\\" inside a quoted cell; where that stands for a quote, load the file with {ESCAPE_FLAG}"
            )
        } else {
            format!(
                "{place} has text after a closing quote; a quote inside a quoted cell is written twice (\"\")"
            )
        }
    }
}

/// The row after `rows` rows, the header among them.
fn place(rows: u64, rows_before_data: u64) -> String {
    match (rows + 1).checked_sub(rows_before_data) {
        Some(row @ 1..) => format!("row {row}"),
        _ => "the header".to_owned(),
    }
}

/// The flag for files that escape quotes by a backslash.
pub(super) const ESCAPE_FLAG: &str = "--escape '\\'";

impl Follower {
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

    /// Says whether a quoted cell is open.
    pub(super) fn is_inside_quotes(&self) -> bool {
        matches!(self.state, State::Quoted | State::Escaped)
    }

    /// Appends `bytes` to `out` as RFC 4180 writes them.
    pub(super) fn follow(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
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
                    // At the beginning of a cell it would make a quoted one.
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
                    // `\"` is a quote and `\\` a backslash; before all else it stays.
                    let escape = self.dialect.escape.unwrap_or(b'"');
                    let is_taken = byte == b'"' || byte == escape;
                    if is_taken {
                        out.push(byte);
                        at += 1;
                    } else {
                        out.push(escape);
                    }
                    (self.state, self.last) = (State::Unquoted, 0);
                }
                State::Escaped => {
                    // `\"` is a quote, `\\` a backslash, an escaped line end a line end; before all else it stays.
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

    /// The byte after a quote, or after spaces behind one.
    fn after_quote(&mut self, byte: u8, is_backslashed: bool) -> Result<(), Broken> {
        self.last = byte;
        self.state = match byte {
            b'"' if self.state != State::Padded => State::Quoted,
            _ if byte == self.dialect.delimiter || matches!(byte, b'\n' | b'\r') => {
                self.end_of_cell(byte);
                State::Start
            }
            b' ' => State::Padded,
            _ => return Err(Broken { rows: self.rows, lines: self.lines, is_backslashed }),
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

/// A source whose quotes are followed.
pub(super) struct Quoted {
    source: Source,
    follower: Follower,
    /// Rows before the first of data: the header, and a `sep=` line.
    rows_before_data: u64,
    /// Bytes since the row began, to the length of a buffer.
    row_bytes: usize,
    raw: Vec<u8>,
    text: Vec<u8>,
    taken: usize,
    is_over: bool,
}

impl Quoted {
    pub(super) fn new(source: Source, dialect: Dialect, rows_before_data: u64) -> Self {
        let follower = Follower::new(dialect);
        Self {
            source,
            follower,
            rows_before_data,
            row_bytes: 0,
            raw: vec![0; BUFFER_BYTES],
            text: Vec::new(),
            taken: 0,
            is_over: false,
        }
    }

    /// What quotes are escaped by.
    pub(super) fn escape(&self) -> Option<u8> {
        self.follower.dialect.escape
    }

    /// Says whether a backslash stood before a quote inside a quoted cell.
    pub(super) fn has_backslashed_quotes(&self) -> bool {
        self.follower.has_backslashed_quotes
    }
}

impl Read for Quoted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !self.is_over {
            self.text.clear();
            self.taken = 0;
            let length = self.source.read(&mut self.raw)?;
            self.is_over = length == 0;
            let rows = self.follower.rows;
            let followed = self.follower.follow(&self.raw[..length], &mut self.text);
            followed.map_err(|broken| Fault::error(broken.sentence(self.rows_before_data)))?;
            self.row_bytes = if self.follower.rows == rows { self.row_bytes + length } else { 0 };
            if self.row_bytes > ROW_BYTES {
                let place = place(rows, self.rows_before_data);
                return Err(Fault::error(format!(
                    "{place} is longer than {} MiB; it may open a quote that is never closed",
                    ROW_BYTES >> 20
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

    fn follow(text: &str, escape: Option<u8>, piece: usize) -> Result<String, Broken> {
        let mut follower = Follower::new(Dialect { delimiter: b',', escape });
        let mut out = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            follower.follow(bytes, &mut out)?;
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_well_quoted_passes_unchanged() {
        for text in [
            "a,b\n\"x\"\"y\",z\n",
            "5\" pipe,a\"b\"\n",
            "\"C:\\\",\"\"\r\n",
            "\"two\nlines\" ,x",
            "\"open",
            ",,\n\n\"\",\"\"",
        ] {
            for piece in [1, 2, 3, 100] {
                assert_eq!(follow(text, None, piece).as_deref(), Ok(text), "{piece}");
            }
        }
    }

    #[test]
    fn text_after_a_closing_quote_is_found_with_its_place() {
        for (text, expected) in [
            ("h\n\nx,\"a \"b\" c\"\n", "row 1 (line 3) has text after a closing quote"),
            ("h\n\"a\nb\"\nx,\"say \\\"hi\\\"\"\n", "row 2 (line 4) has \\\" inside a quoted cell"),
            ("\"a\" \"b\"\n", "the header has text after a closing quote"),
        ] {
            for piece in [1, 2, 100] {
                let said = follow(text, None, piece).unwrap_err().sentence(1);
                assert!(said.starts_with(expected), "{said}");
            }
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_take_the_file_into_memory() {
        let (head, rest) = (&b"h\nx\n\"5 inch pipe\n"[..], io::repeat(b'y'));
        let mut source =
            Quoted::new(Box::new(head.chain(rest)), Dialect { delimiter: b',', escape: None }, 1);
        let error = io::copy(&mut source, &mut io::sink()).unwrap_err();
        let expected = "row 2 is longer than 64 MiB; it may open a quote that is never closed";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn an_escape_becomes_what_it_stands_for() {
        for (text, expected) in [
            (r#""say \"hi\"""#, r#""say ""hi""""#),
            (r#""a\\","b""#, r#""a\","b""#),
            (r#""C:\new \- x""#, r#""C:\new \- x""#),
            (r#""twice """#, r#""twice """#),
            ("\"line\\\nend\",\\\"", "\"line\nend\",\\\""),
            (r#"He said \"hi\" in C:\dir\\x\,next"#, r#"He said "hi" in C:\dir\x\,next"#),
        ] {
            for piece in [1, 2, 100] {
                assert_eq!(follow(text, Some(b'\\'), piece).as_deref(), Ok(expected), "{text} {piece}");
            }
        }
    }
}
