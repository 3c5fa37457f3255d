//! HTTP messages on a socket: the head of a request, and its body.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;

use super::link::Link;

/// Maximum length of a line of a head or of a chunk's size.
const MAX_LINE_BYTES: u64 = 64 << 10;

pub(super) type Reader = BufReader<OwnedReadHalf>;

/// What a request is to the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An upload with content: one of a single request, or a part of a resumable one.
    Content,
    /// The start of a resumable upload, or a question for its status.
    Control,
    /// No upload.
    Other,
}

/// The first line and the headers of a request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads the head of a request.
    pub(super) async fn read(reader: &mut Reader) -> Result<Self> {
        let first = read_line(reader).await?;
        let mut words = first.split(' ');
        let mut word = || words.next().map(str::to_owned).ok_or(ErrorKind::InvalidData);
        let (method, target) = (word()?, word()?);
        let mut headers = Vec::new();
        loop {
            let line = read_line(reader).await?;
            if line.is_empty() {
                return Ok(Self { method, target, headers });
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    }

    /// Replaces a header.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    /// The target without its query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, percent-encoded as it was sent.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, v)| v)
    }

    /// Whether the request is one to Cloud Storage.
    pub(super) fn is_storage(&self) -> bool {
        self.path().contains("/storage/v1/")
    }

    /// Whether the request starts a resumable upload to Cloud Storage.
    pub(super) fn starts_session(&self) -> bool {
        self.method == "POST" && self.is_storage() && self.parameter("uploadType") == Some("resumable")
    }

    /// The id of the resumable upload to which the request belongs.
    pub(super) fn session(&self) -> Option<&str> {
        if self.is_storage() { self.parameter("upload_id") } else { None }
    }

    pub(super) fn kind(&self) -> Kind {
        let is_session = self.method == "PUT" && self.session().is_some();
        let is_upload = is_session || (self.method == "POST" && self.target.starts_with("/upload/"));
        let is_question = self.header("content-range").is_some_and(|range| range.starts_with("bytes */"));
        match is_upload {
            true if self.parameter("uploadType") == Some("resumable") && !is_session => Kind::Control,
            true if is_session && is_question => Kind::Control,
            true => Kind::Content,
            false => Kind::Other,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// Reads a line and removes its end.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<String> {
    let mut line = Vec::new();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.pop_if(|last| *last == b'\r');
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// A response that closes the connection, with headers that end with CRLF.
pub(super) fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// How the end of a body is found.
enum Framing {
    /// This number of bytes is missing.
    Length(u64),
    /// This number of bytes of the current chunk is missing; `None` before the first chunk.
    Chunked(Option<u64>),
    Ended,
}

/// The body of a request, decoded, while it is being received.
pub(super) struct Body {
    reader: Reader,
    framing: Framing,
    /// Received bytes that [`Body::next`] has not returned.
    buffered: Vec<u8>,
    /// Why the rest cannot be received, after the buffered bytes.
    failed: Option<Error>,
    link: Arc<Link>,
    is_content: bool,
    /// The number of bytes after which the connection is cut.
    cut_after: Option<u64>,
    received: u64,
}

impl Body {
    pub(super) fn new(reader: Reader, head: &Head, link: Arc<Link>, cut_after: Option<u64>) -> Self {
        let is_chunked = head
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked"));
        let length = head.header("content-length").and_then(|value| value.parse().ok()).unwrap_or_default();
        let framing = if is_chunked { Framing::Chunked(None) } else { Framing::Length(length) };
        let is_content = head.kind() == Kind::Content;
        Self { reader, framing, buffered: Vec::new(), failed: None, link, is_content, cut_after, received: 0 }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// `ConnectionAborted` if the connection is to be cut here, or the error of the connection.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.buffered.is_empty() {
            return Ok(Some(std::mem::take(&mut self.buffered)));
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.receive().await,
        }
    }

    /// Receives up to `limit` bytes into the buffer, until the end or a failure.
    pub(super) async fn fill(&mut self, limit: usize) {
        while self.buffered.len() < limit && self.failed.is_none() {
            match self.receive().await {
                Ok(Some(bytes)) => self.buffered.extend(bytes),
                Ok(None) => return,
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// The whole body, if it has been received completely.
    pub(super) fn whole(&mut self) -> Option<&mut Vec<u8>> {
        let is_whole = matches!(self.framing, Framing::Ended) && self.failed.is_none();
        is_whole.then_some(&mut self.buffered)
    }

    /// Whether the body ended early.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Receives and drops the rest.
    pub(super) async fn drain(&mut self) -> Result<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    /// Returns when the client has closed the connection.
    pub(super) async fn closed(&mut self) -> Result<()> {
        while self.reader.read(&mut [0; 1024]).await? > 0 {}
        Ok(())
    }

    async fn receive(&mut self) -> Result<Option<Vec<u8>>> {
        if self.cut_after.is_some_and(|limit| self.received >= limit) {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let missing = self.missing().await?;
        if missing == 0 {
            self.framing = Framing::Ended;
            return Ok(None);
        }
        let until_cut = self.cut_after.map_or(u64::MAX, |limit| limit - self.received);
        let mut piece = vec![0; missing.min(self.link.piece_bytes()).min(until_cut) as usize];
        let length = self.reader.read(&mut piece).await?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(length);
        self.received += length as u64;
        if self.is_content {
            self.link.count_upload(length);
        }
        self.link.pass_upwards(length).await;
        match &mut self.framing {
            Framing::Length(missing) | Framing::Chunked(Some(missing)) => *missing -= length as u64,
            Framing::Chunked(None) | Framing::Ended => {}
        }
        Ok(Some(piece))
    }

    /// The number of bytes of this chunk or body that are missing; 0 at the end of the body.
    async fn missing(&mut self) -> Result<u64> {
        match self.framing {
            Framing::Length(missing) => Ok(missing),
            Framing::Chunked(Some(missing)) if missing > 0 => Ok(missing),
            Framing::Chunked(previous) => {
                if previous.is_some() && !read_line(&mut self.reader).await?.is_empty() {
                    return Err(ErrorKind::InvalidData.into());
                }
                let line = read_line(&mut self.reader).await?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData)?;
                self.framing = Framing::Chunked(Some(size));
                // The trailer ends with an empty line.
                while size == 0 && !read_line(&mut self.reader).await?.is_empty() {}
                Ok(size)
            }
            Framing::Ended => Ok(0),
        }
    }
}
