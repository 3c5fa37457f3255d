//! Requests to the server.

use std::io::Result;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::message::Body;
use super::serve::MAX_BUFFERED_BYTES;

/// The number of bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;

/// A response of the server or of the proxy, with its head.
pub(super) struct Answer {
    /// The first bytes, or all of them.
    pub(super) start: Vec<u8>,
    /// The connection with the bytes after `start`.
    rest: Option<TcpStream>,
    /// The number of bytes at the end that are left out.
    left_out: usize,
}

impl From<Vec<u8>> for Answer {
    fn from(start: Vec<u8>) -> Self {
        Self { start, rest: None, left_out: 0 }
    }
}

impl Answer {
    /// Reads the start of the server's response, or all of it.
    async fn read(mut server: TcpStream) -> Result<Self> {
        let mut start = Vec::new();
        while start.len() < MAX_BUFFERED_BYTES {
            if server.read_buf(&mut start).await? == 0 {
                return Ok(start.into());
            }
        }
        Ok(Self { start, rest: Some(server), left_out: 0 })
    }

    /// Leaves out bytes at the end.
    pub(super) fn truncate(&mut self, bytes: usize) {
        self.left_out = bytes;
    }

    /// Reads the rest and drops it.
    pub(super) async fn finish(&mut self) -> Result<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        while let Some(server) = &mut self.rest {
            if self.start.len() > self.left_out {
                break;
            }
            self.start.reserve(PIECE_BYTES);
            if server.read_buf(&mut self.start).await? == 0 {
                self.rest = None;
            }
        }
        let ready = self.start.len().saturating_sub(self.left_out);
        let kept = self.start.split_off(ready);
        let bytes = std::mem::replace(&mut self.start, kept);
        Ok((!bytes.is_empty()).then_some(bytes))
    }
}

/// Sends a request and reads its response.
pub(super) async fn forward(
    upstream: &str,
    head: &[u8],
    body: &mut Body,
    is_chunked: bool,
) -> Result<Answer> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(head).await?;
    while let Some(bytes) = body.next().await? {
        let sent = if is_chunked {
            let size = format!("{:x}\r\n", bytes.len());
            server.write_all(&[size.as_bytes(), &bytes, b"\r\n"].concat()).await
        } else {
            server.write_all(&bytes).await
        };
        // A server that has seen enough responds early and closes the connection.
        if sent.is_err() {
            body.drain().await?;
            return Answer::read(server).await;
        }
    }
    if is_chunked {
        server.write_all(b"0\r\n\r\n").await?;
    }
    Answer::read(server).await
}

/// Sends a request without a body, or with the content of a reader between `before` and `after`.
pub(super) async fn send(
    upstream: &str,
    before: &[u8],
    content: &mut (impl tokio::io::AsyncRead + Unpin),
    after: &[u8],
) -> Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(before).await?;
    tokio::io::copy(content, &mut server).await?;
    server.write_all(after).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}
