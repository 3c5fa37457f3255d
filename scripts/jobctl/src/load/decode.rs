//! Decompresses and decodes text files. Invalid bytes are errors, never replacement characters.

use std::io::{self, Cursor, Read};
use std::path::Path;

use common::Error;
use encoding_rs::{Decoder, DecoderResult, Encoding};
use flate2::read::MultiGzDecoder;

use super::reader::refuse;

const BUFFER_BYTES: usize = 1 << 16;

/// A source of bytes.
pub(super) type Source = Box<dyn Read + Send>;

/// Invalid content of a file, found by a [`Read`] adapter and therefore wrapped in an [`io::Error`].
#[derive(Debug)]
pub(super) struct InvalidContent(pub(super) String);

impl std::fmt::Display for InvalidContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidContent {}

impl InvalidContent {
    /// An [`io::Error`] with this message.
    pub(super) fn error(what: impl Into<String>) -> io::Error {
        io::Error::other(Self(what.into()))
    }
}

/// Converts an error of reading `path`: [`InvalidContent`] becomes `InvalidInput`.
pub(super) fn read_failed(path: &Path, error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<InvalidContent>()) {
        Some(InvalidContent(what)) => refuse(path, what),
        None => Error::from(error).context(path.display()),
    }
}

/// A source whose first bytes are buffered for inspection.
pub(super) struct Peeked {
    /// The first bytes.
    pub(super) head: Vec<u8>,
    /// Whether `head` is the complete content.
    pub(super) is_whole: bool,
    rest: Source,
}

impl Peeked {
    /// Buffers up to `limit` bytes.
    pub(super) fn of(mut source: Source, limit: usize) -> io::Result<Self> {
        let mut head = Vec::new();
        source.by_ref().take(limit as u64).read_to_end(&mut head)?;
        let is_whole = head.len() < limit;
        Ok(Self { head, is_whole, rest: source })
    }

    /// The content from byte `from` on, which must be within the head.
    pub(super) fn into_source(self, from: usize) -> Source {
        let mut head = Cursor::new(self.head);
        head.set_position(from as u64);
        Box::new(head.chain(self.rest))
    }
}

/// Decompresses gzip with one or several members.
pub(super) struct Gunzip(MultiGzDecoder<Source>);

impl Gunzip {
    pub(super) fn new(source: Source) -> Self {
        Self(MultiGzDecoder::new(source))
    }
}

impl Read for Gunzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                InvalidContent::error("the gzip data is damaged or truncated")
            }
            _ => error,
        })
    }
}

/// Decodes text to UTF-8. Bytes that are invalid in the encoding are an [`InvalidContent`] error.
pub(super) struct Decode {
    source: Source,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    /// The part of `raw` that is not decoded yet.
    unread: std::ops::Range<usize>,
    text: Vec<u8>,
    /// Number of bytes of `text` that were returned.
    taken: usize,
    is_eof: bool,
    is_finished: bool,
}

impl Decode {
    pub(super) fn new(source: Source, encoding: &'static Encoding) -> Self {
        Self {
            source,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; BUFFER_BYTES],
            unread: 0..0,
            text: Vec::new(),
            taken: 0,
            is_eof: false,
            is_finished: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.taken = 0;
        while self.text.is_empty() && !self.is_finished {
            if self.unread.is_empty() && !self.is_eof {
                let length = self.source.read(&mut self.raw)?;
                self.is_eof = length == 0;
                self.unread = 0..length;
            }
            self.text.resize(BUFFER_BYTES, 0);
            let raw = &self.raw[self.unread.clone()];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.is_eof);
            self.unread.start += read;
            self.text.truncate(written);
            match result {
                DecoderResult::Malformed(..) => {
                    return Err(InvalidContent::error(format!(
                        "the file has bytes that are invalid in {}",
                        self.encoding.name()
                    )));
                }
                DecoderResult::InputEmpty => self.is_finished = self.is_eof,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(())
    }
}

impl Read for Decode {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.text.len() {
            self.fill()?;
        }
        let length = into.len().min(self.text.len() - self.taken);
        into[..length].copy_from_slice(&self.text[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

/// Parses a label of the WHATWG Encoding Standard: `windows-1252`, `utf-16le`, `gb18030`, `shift_jis`.
pub(super) fn encoding(label: &str) -> Result<&'static Encoding, String> {
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding != encoding_rs::REPLACEMENT => Ok(encoding),
        _ => {
            Err("expected the name of an encoding such as utf-8, windows-1252, utf-16le or gb18030"
                .to_owned())
        }
    }
}
