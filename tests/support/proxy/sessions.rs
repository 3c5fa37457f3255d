//! Resumable uploads, as Cloud Storage does them.
//!
//! <https://cloud.google.com/storage/docs/performing-resumable-uploads>

use std::collections::HashMap;
use std::io::{Result, SeekFrom};
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::fault::GoogleError;
use super::message::{Body, Head, response};
use super::upstream;
use crate::support::unique;

/// Cloud Storage keeps multiples of this number of bytes of an incomplete upload.
const QUANTUM_BYTES: u64 = 256 << 10;

/// The resumable uploads by their ids.
#[derive(Default)]
pub(super) struct Sessions(std::sync::Mutex<HashMap<String, Arc<tokio::sync::Mutex<Session>>>>);

impl Sessions {
    /// Registers the upload that `head` started, unless `answer` is an error.
    pub(super) fn start(&self, head: &Head, metadata: Vec<u8>, answer: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(answer);
        let location = text.lines().take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("location").then_some(value)
        });
        let Some((_, id)) = location.and_then(|location| location.split_once("upload_id=")) else {
            return Ok(());
        };
        let id = id.split('&').next().unwrap_or_default().trim().to_owned();
        let content = File::from_std(tempfile::tempfile()?);
        let session = Session { start: head.clone(), metadata, content, persisted: 0, answer: None };
        self.0.lock().expect("no panic elsewhere").insert(id, Arc::new(session.into()));
        Ok(())
    }

    /// The response to a request that belongs to the upload `id`.
    ///
    /// # Errors
    /// If the body ends early: the connection is to be closed without a response.
    pub(super) async fn respond(
        &self,
        id: &str,
        head: &Head,
        body: &mut Body,
        upstream: &str,
    ) -> Result<Vec<u8>> {
        let session = self.0.lock().expect("no panic elsewhere").get(id).cloned();
        let Some(session) = session else {
            body.drain().await?;
            return Ok(GoogleError::new(404, "Not Found", "notFound").response("404 Not Found", ""));
        };
        let mut session = session.lock().await;
        if head.method == "DELETE" {
            session.answer = Some(response("499 Client Closed Request", "", b""));
        }
        session.put(head, body, upstream).await
    }
}

/// A resumable upload. Its content is kept in a file and is uploaded to the emulator in one request at the end.
pub(super) struct Session {
    /// The request that started the upload, and its body.
    start: Head,
    metadata: Vec<u8>,
    content: File,
    /// The number of bytes that need not be sent again.
    persisted: u64,
    /// The response to the last part.
    answer: Option<Vec<u8>>,
}

/// What a request says about its body by `Content-Range`.
#[derive(Debug, PartialEq, Eq)]
enum ContentRange {
    /// `bytes */TOTAL` or `bytes */*`: a question for the status.
    Status { total: Option<u64> },
    /// `bytes START-LAST/TOTAL`, of which `LAST` and `TOTAL` may be `*`.
    Part { start: u64, end: Option<u64>, total: Option<u64> },
}

impl ContentRange {
    /// A request without the header contains the whole object.
    fn of(head: &Head) -> Option<Self> {
        let Some(value) = head.header("content-range") else {
            return Some(Self::Part { start: 0, end: None, total: None });
        };
        let number = |text: &str| match text {
            "*" => Some(None),
            digits => digits.parse::<u64>().ok().map(Some),
        };
        let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
        let total = number(total)?;
        if range == "*" {
            return Some(Self::Status { total });
        }
        let (start, last) = range.split_once('-')?;
        Some(Self::Part { start: start.parse().ok()?, end: number(last)?.map(|last| last + 1), total })
    }

    /// Whether a part that ends at `end` is the last one.
    fn is_last(&self, end: u64) -> bool {
        match self {
            Self::Status { total } | Self::Part { total: total @ Some(_), .. } => *total == Some(end),
            Self::Part { end, .. } => end.is_none(),
        }
    }
}

impl Session {
    /// The response to a part or to a question for the status.
    ///
    /// # Errors
    /// If the body ends early: the connection is to be closed without a response.
    async fn put(&mut self, head: &Head, body: &mut Body, upstream: &str) -> Result<Vec<u8>> {
        if let Some(answer) = &self.answer {
            body.drain().await?;
            return Ok(answer.clone());
        }
        let Some(range) = ContentRange::of(head) else {
            body.drain().await?;
            return Ok(invalid("Failed to parse Content-Range header."));
        };
        let ContentRange::Part { start, end, .. } = range else {
            body.drain().await?;
            return if range.is_last(self.persisted) {
                self.finish(upstream).await
            } else {
                Ok(self.status())
            };
        };
        if start > self.persisted {
            body.drain().await?;
            // Cloud Storage answers with plain text and two spaces.
            let text = format!(
                "Invalid request.  According to the Content-Range header, the upload offset is {start} byte(s), which \
                 exceeds already uploaded size of {} byte(s).",
                self.persisted
            );
            let headers = "Content-Type: text/plain; charset=utf-8\r\n";
            return Ok(response("503 Service Unavailable", headers, text.as_bytes()));
        }
        let (received, ended) = self.append(start, body).await?;
        let is_complete = ended.is_ok();
        if is_complete && end.is_some_and(|end| end != received) {
            return Ok(invalid(
                "Invalid request.  The number of bytes differs from the Content-Range header.",
            ));
        }
        if is_complete && range.is_last(received) {
            if received < self.persisted {
                return Ok(invalid("Invalid request.  The object is shorter than the uploaded bytes."));
            }
            self.persisted = received;
            return self.finish(upstream).await;
        }
        self.persisted = self.persisted.max(received / QUANTUM_BYTES * QUANTUM_BYTES);
        ended.map(|()| self.status())
    }

    /// Writes a body that starts at `start` after the persisted bytes. Returns where it ended, and whether completely.
    async fn append(&mut self, start: u64, body: &mut Body) -> Result<(u64, Result<()>)> {
        self.content.set_len(self.persisted).await?;
        self.content.seek(SeekFrom::Start(self.persisted)).await?;
        let mut place = start;
        let ended = loop {
            match body.next().await {
                Ok(Some(bytes)) => {
                    // Cloud Storage ignores bytes that it has.
                    let known = self.persisted.saturating_sub(place).min(bytes.len() as u64);
                    self.content.write_all(&bytes[known as usize..]).await?;
                    place += bytes.len() as u64;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.content.flush().await?;
        Ok((place, ended))
    }

    /// 308 with the persisted range.
    fn status(&self) -> Vec<u8> {
        let range = match self.persisted {
            0 => String::new(),
            bytes => format!("Range: bytes=0-{}\r\n", bytes - 1),
        };
        response("308 Resume Incomplete", &range, b"")
    }

    /// Uploads the content in one request, which checks preconditions, unlike the emulator's resumable uploads.
    async fn finish(&mut self, upstream: &str) -> Result<Vec<u8>> {
        let metadata: serde_json::Value = serde_json::from_slice(&self.metadata).unwrap_or_default();
        let content_type = metadata["contentType"].as_str().map(str::to_owned);
        let content_type =
            content_type.or_else(|| self.start.header("x-upload-content-type").map(str::to_owned));
        let content_type = content_type.unwrap_or_else(|| "application/octet-stream".into());
        let metadata = if metadata.is_object() { metadata.to_string() } else { "{}".into() };
        let boundary = format!("boundary-{}", unique());
        let before = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n--{boundary}\r\n\
             Content-Type: {content_type}\r\n\r\n"
        );
        let after = format!("\r\n--{boundary}--\r\n");
        let mut head = self.start.clone();
        head.target = head.target.replace("uploadType=resumable", "uploadType=multipart");
        head.set("Content-Type", format!("multipart/related; boundary={boundary}"));
        head.set("Content-Length", (before.len() as u64 + self.persisted + after.len() as u64).to_string());
        let before = [head.to_bytes(), before.into_bytes()].concat();
        self.content.set_len(self.persisted).await?;
        self.content.seek(SeekFrom::Start(0)).await?;
        let answer = upstream::send(upstream, &before, &mut self.content, after.as_bytes()).await?;
        if !answer.starts_with(b"HTTP/1.1 5") {
            self.answer = Some(answer.clone());
            self.content.set_len(0).await?;
        }
        Ok(answer)
    }
}

fn invalid(message: &str) -> Vec<u8> {
    GoogleError::new(400, message, "badRequest").response("400 Bad Request", "")
}
