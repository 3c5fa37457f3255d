//! Bytes on their way to text: decompressed and decoded, and never with a replacement character in silence.

use std::io::{self, Cursor, Read};
use std::path::Path;

use common::Error;
use encoding_rs::{Decoder, DecoderResult, Encoding};
use flate2::read::MultiGzDecoder;

use super::reader::refuse;

const BUFFER_BYTES: usize = 1 << 16;

/// Any source of bytes that may change threads.
pub(super) type Source = Box<dyn Read + Send>;

/// A fault of the file's content that a reader found below the level of rows. It travels as an [`io::Error`].
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// The same as an error of reading.
    pub(super) fn error(what: impl Into<String>) -> io::Error {
        io::Error::other(Self(what.into()))
    }
}

/// What a failed read of `path` says: `InvalidInput` where the content is at fault.
pub(super) fn read_failed(path: &Path, error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(Fault(what)) => refuse(path, what),
        None => Error::from(error).context(path.display()),
    }
}

/// The beginning of a source, looked at, and all of it still to be read.
pub(super) struct Peeked {
    /// The first bytes.
    pub(super) head: Vec<u8>,
    /// Whether `head` is everything.
    pub(super) is_whole: bool,
    rest: Source,
}

impl Peeked {
    /// Looks at up to `limit` bytes.
    pub(super) fn of(mut source: Source, limit: usize) -> io::Result<Self> {
        let mut head = Vec::new();
        source.by_ref().take(limit as u64).read_to_end(&mut head)?;
        let is_whole = head.len() < limit;
        Ok(Self { head, is_whole, rest: source })
    }

    /// Everything from byte `from` of the head.
    pub(super) fn into_source(self, from: usize) -> Source {
        let mut head = Cursor::new(self.head);
        head.set_position(from as u64);
        Box::new(head.chain(self.rest))
    }
}

/// What is inside gzip, of one member or several.
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
                Fault::error("the gzip data is damaged or cut short")
            }
            _ => error,
        })
    }
}

/// Text of another encoding as UTF-8; bytes that mean nothing in it are a [`Fault`].
pub(super) struct Decoded {
    source: Source,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` is still to be decoded.
    unread: std::ops::Range<usize>,
    text: Vec<u8>,
    /// How much of `text` has been taken.
    taken: usize,
    is_end: bool,
    is_over: bool,
}

impl Decoded {
    pub(super) fn new(source: Source, encoding: &'static Encoding) -> Self {
        Self {
            source,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; BUFFER_BYTES],
            unread: 0..0,
            text: Vec::new(),
            taken: 0,
            is_end: false,
            is_over: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.taken = 0;
        while self.text.is_empty() && !self.is_over {
            if self.unread.is_empty() && !self.is_end {
                let length = self.source.read(&mut self.raw)?;
                self.is_end = length == 0;
                self.unread = 0..length;
            }
            self.text.resize(BUFFER_BYTES, 0);
            let raw = &self.raw[self.unread.clone()];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.is_end);
            self.unread.start += read;
            self.text.truncate(written);
            match result {
                DecoderResult::Malformed(..) => {
                    return Err(Fault::error(format!(
                        "there are bytes that are not {}",
                        self.encoding.name()
                    )));
                }
                DecoderResult::InputEmpty => self.is_over = self.is_end,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
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

/// The encoding of this name, as browsers know them: `windows-1252`, `utf-16le`, `gb18030`, `shift_jis`.
pub(super) fn encoding(label: &str) -> Result<&'static Encoding, String> {
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding != encoding_rs::REPLACEMENT => Ok(encoding),
        _ => {
            Err("expected the name of an encoding such as utf-8, windows-1252, utf-16le or gb18030"
                .to_owned())
        }
    }
}
