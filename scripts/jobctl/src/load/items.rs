//! Splits a JSON file into its values without parsing them, so that only one value is in memory at a time.

use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr_iter, memchr2};

use super::decode::{InvalidContent, Source};

/// Maximum size of a value; a longer one means that the file is not a sequence of ads.
const MAX_ITEM_BYTES: usize = 64 << 20;
const BUFFER_BYTES: usize = 1 << 18;

/// How values are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One per line; blank lines are skipped.
    Lines,
    /// A JSON array at the top level.
    List,
    /// Concatenated, with optional white space in between.
    Documents,
}

impl Layout {
    /// Detects the layout from the beginning of a file, which must be `{` or `[` after white space.
    pub(super) fn detect(head: &[u8]) -> Self {
        let head = head.trim_ascii_start();
        if head.starts_with(b"[") {
            return Self::List;
        }
        let Some(end) = memchr::memchr(b'\n', head) else { return Self::Lines };
        let mut depth = Depth::default();
        match depth.end(&head[..end]) {
            // The object continues on the next line.
            None => Self::Documents,
            Some(length) if head[length..end].trim_ascii().is_empty() => Self::Lines,
            Some(length) if head[length..end].trim_ascii_start().starts_with(b"{") => Self::Documents,
            Some(_) => Self::Lines,
        }
    }
}

/// State of the scan for the end of a value.
#[derive(Debug, Default)]
struct Depth {
    open: usize,
    in_text: bool,
    after_backslash: bool,
}

impl Depth {
    /// Scans `bytes`, and returns the length up to the end of the value if it ends there.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.after_backslash {
                (self.after_backslash, at) = (false, at + 1);
                continue;
            }
            if self.in_text {
                at += memchr2(b'"', b'\\', &bytes[at..])?;
                if bytes[at] == b'"' {
                    self.in_text = false;
                } else {
                    self.after_backslash = true;
                }
                at += 1;
                continue;
            }
            match bytes[at] {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.open += 1,
                b'}' | b']' => {
                    self.open = self.open.saturating_sub(1);
                    if self.open == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }
}

/// Iterates over the values of a file.
pub(super) struct Items {
    source: BufReader<Source>,
    layout: Layout,
    /// Number of the current line, from 1.
    line: u64,
    /// Number of values returned.
    count: u64,
    is_started: bool,
    is_finished: bool,
}

impl Items {
    pub(super) fn new(source: Source, layout: Layout) -> Self {
        let source = BufReader::with_capacity(BUFFER_BYTES, source);
        Self { source, layout, line: 1, count: 0, is_started: false, is_finished: false }
    }

    /// Reads the next value into `item` and returns the line on which it begins, or `None` after the last value.
    pub(super) fn next(&mut self, item: &mut Vec<u8>) -> io::Result<Option<u64>> {
        item.clear();
        if self.is_finished {
            return Ok(None);
        }
        let line = match self.layout {
            Layout::Lines => self.next_line(item)?,
            Layout::List => self.next_of_list(item)?,
            Layout::Documents => match self.skip_space()? {
                Some(_) => self.value(item).map(Some)?,
                None => None,
            },
        };
        self.is_finished = line.is_none();
        self.count += 1;
        Ok(line)
    }

    fn next_line(&mut self, item: &mut Vec<u8>) -> io::Result<Option<u64>> {
        loop {
            item.clear();
            let length = self.source.by_ref().take(MAX_ITEM_BYTES as u64).read_until(b'\n', item)?;
            let line = self.line;
            if length == 0 {
                return Ok(None);
            }
            if length == MAX_ITEM_BYTES && !item.ends_with(b"\n") {
                return Err(self.too_long(line));
            }
            self.line += 1;
            if !item.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn next_of_list(&mut self, item: &mut Vec<u8>) -> io::Result<Option<u64>> {
        if !self.is_started {
            self.is_started = true;
            self.skip_space()?;
            self.source.consume(1);
        }
        let mut next = self.skip_space()?;
        if next == Some(b']') && self.count == 0 {
            return self.end_of_list();
        }
        if self.count > 0 {
            match next {
                Some(b',') => {
                    self.source.consume(1);
                    next = self.skip_space()?;
                }
                Some(b']') => return self.end_of_list(),
                Some(_) => return Err(self.syntax_error("a comma is missing after")),
                None => {}
            }
        }
        match next {
            Some(b'{' | b'[') => self.value(item).map(Some),
            Some(_) => self.scalar(item).map(Some),
            None => Err(InvalidContent::error(format!(
                "the list at the beginning of the file is not closed after {} values; the file is truncated",
                self.count
            ))),
        }
    }

    fn end_of_list(&mut self) -> io::Result<Option<u64>> {
        self.source.consume(1);
        match self.skip_space()? {
            None => Ok(None),
            Some(_) => {
                Err(InvalidContent::error(format!("line {} has text after the end of the list", self.line)))
            }
        }
    }

    fn syntax_error(&self, what: &str) -> io::Error {
        InvalidContent::error(format!("line {}: {what} value {}", self.line, self.count))
    }

    fn too_long(&self, line: u64) -> io::Error {
        InvalidContent::error(format!(
            "row {} (line {line}) is longer than {} MiB; expected one object per ad",
            self.count + 1,
            MAX_ITEM_BYTES >> 20
        ))
    }

    /// Skips white space, and returns the next byte without consuming it.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let length = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = bytes.get(length).copied();
            self.line += memchr_iter(b'\n', &bytes[..length]).count() as u64;
            self.source.consume(length);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Reads an object or a list; at the end of the file, the part that exists.
    fn value(&mut self, item: &mut Vec<u8>) -> io::Result<u64> {
        let begin = self.line;
        let mut depth = Depth::default();
        if !matches!(self.source.fill_buf()?.first(), Some(b'{' | b'[')) {
            return self.scalar(item);
        }
        loop {
            let bytes = self.source.fill_buf()?;
            let end = depth.end(bytes);
            let length = end.unwrap_or(bytes.len());
            item.extend_from_slice(&bytes[..length]);
            self.line += memchr_iter(b'\n', &bytes[..length]).count() as u64;
            self.source.consume(length);
            if end.is_some() || length == 0 {
                return Ok(begin);
            }
            if item.len() > MAX_ITEM_BYTES {
                return Err(self.too_long(begin));
            }
        }
    }

    /// Reads any other value, up to a comma, `]` or the end of the line.
    fn scalar(&mut self, item: &mut Vec<u8>) -> io::Result<u64> {
        loop {
            let bytes = self.source.fill_buf()?;
            let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'\n');
            let end = bytes.iter().position(is_end);
            let length = end.unwrap_or(bytes.len());
            item.extend_from_slice(&bytes[..length]);
            self.source.consume(length);
            if end.is_some() || length == 0 || item.len() > MAX_ITEM_BYTES {
                return Ok(self.line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte per call.
    struct Slow(io::Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = into.len().min(1);
            self.0.read(&mut into[..length])
        }
    }

    fn items(text: &str) -> Result<Vec<(u64, String)>, String> {
        let source = Box::new(Slow(io::Cursor::new(text.as_bytes().to_vec())));
        let mut items = Items::new(source, Layout::detect(text.as_bytes()));
        let (mut item, mut all) = (Vec::new(), Vec::new());
        while let Some(line) = items.next(&mut item).map_err(|error| error.to_string())? {
            all.push((line, String::from_utf8(item.trim_ascii().to_vec()).unwrap()));
        }
        Ok(all)
    }

    #[test]
    fn values_are_split_in_every_layout() {
        let a = |line, text: &str| (line, text.to_owned());
        for (text, expected) in [
            ("{\"a\":1}\n\n{\"b\":\"}\"}", vec![a(1, "{\"a\":1}"), a(3, "{\"b\":\"}\"}")]),
            ("[]", vec![]),
            ("\n [ ] \n", vec![]),
            (
                "[{\"a\":\"]}\\\"\"},\n {\"b\":[{}]} , 7,\"x\"]\n",
                vec![a(1, "{\"a\":\"]}\\\"\"}"), a(2, "{\"b\":[{}]}"), a(2, "7"), a(2, "\"x\"")],
            ),
            ("{\n\"a\":1\n}\n{\"b\":{}}{}", vec![a(1, "{\n\"a\":1\n}"), a(4, "{\"b\":{}}"), a(4, "{}")]),
            ("{}{}\n{}", vec![a(1, "{}"), a(1, "{}"), a(2, "{}")]),
            ("{\"a\":\n", vec![a(1, "{\"a\":")]),
        ] {
            assert_eq!(items(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_incomplete_list_is_an_error() {
        for (text, expected) in [
            (
                "[{},",
                "the list at the beginning of the file is not closed after 1 values; the file is truncated",
            ),
            ("[", "the list at the beginning of the file is not closed after 0 values"),
            ("[{}\n{}]", "line 2: a comma is missing after value 1"),
            ("[{}]\nx", "line 2 has text after the end of the list"),
            ("[{}] [{}]", "line 1 has text after the end of the list"),
        ] {
            let error = items(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
