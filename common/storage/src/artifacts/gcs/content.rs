//! The content of an object that is written: bytes in memory or a file.

use std::io::{self, Read, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use common_core::error::OnPath;
use common_core::{Result, feed};
use common_google::Transfer;
use google_cloud_storage::streaming_source::{Seek, SizeHint, StreamingSource};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Bytes that are read from the content at once.
const CHUNK_BYTES: usize = 1 << 18;

/// What is written, and its checksum.
#[derive(Debug, Clone)]
pub(super) struct Content {
    place: Place,
    pub(super) size_bytes: u64,
    pub(super) crc32c: u32,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Bytes),
    File(PathBuf),
}

/// How much of the content has arrived.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether the server has accepted the beginning of an upload.
    pub(super) has_begun: AtomicBool,
    /// Number of bytes that the server had at the beginning of the last attempt.
    pub(super) persisted_bytes: AtomicU64,
}

impl Content {
    pub(super) fn of_bytes(bytes: Bytes) -> Self {
        Self { size_bytes: bytes.len() as u64, crc32c: crc32c::crc32c(&bytes), place: Place::Memory(bytes) }
    }

    /// # Errors
    /// `NotFound` or `Forbidden` if the file cannot be read.
    pub(super) async fn of_file(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        feed::blocking("reading a file", move || {
            let mut file = std::fs::File::open(&path).on_path("cannot open", &path)?;
            let (mut size_bytes, mut crc32c) = (0, 0);
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                match file.read(&mut chunk).on_path("cannot read", &path)? {
                    0 => return Ok(Self { place: Place::File(path), size_bytes, crc32c }),
                    read => {
                        size_bytes += read as u64;
                        crc32c = crc32c::crc32c_append(crc32c, &chunk[..read]);
                    }
                }
            }
        })
        .await
    }

    /// The content from its start; what is read is reported to `transfer`.
    pub(super) async fn open(&self, transfer: Arc<Transfer>, progress: Arc<Progress>) -> io::Result<Source> {
        let reader = match &self.place {
            Place::Memory(bytes) => Reader::Memory(bytes.clone()),
            Place::File(path) => {
                let file = File::open(path).await.map_err(|error| on_path(path, &error))?;
                Reader::File(file, path.clone())
            }
        };
        Ok(Source { reader, position: 0, size_bytes: self.size_bytes, transfer, progress })
    }
}

/// Content that is being sent.
pub(super) struct Source {
    reader: Reader,
    position: u64,
    size_bytes: u64,
    transfer: Arc<Transfer>,
    progress: Arc<Progress>,
}

enum Reader {
    Memory(Bytes),
    File(File, PathBuf),
}

impl Source {
    async fn chunk(&mut self) -> io::Result<Bytes> {
        let left = self.size_bytes.saturating_sub(self.position);
        let wanted = left.min(CHUNK_BYTES as u64);
        let chunk = match &mut self.reader {
            Reader::Memory(bytes) => {
                let from = self.position as usize;
                bytes.slice(from..from + wanted as usize)
            }
            Reader::File(file, path) => {
                let mut chunk = Vec::with_capacity(wanted as usize);
                let read = file.take(wanted).read_to_end(&mut chunk).await;
                let read = read.map_err(|error| on_path(path, &error))?;
                if (read as u64) < wanted {
                    let message = format!("{} became shorter while it was uploaded", path.display());
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                chunk.into()
            }
        };
        self.position += chunk.len() as u64;
        Ok(chunk)
    }
}

impl StreamingSource for Source {
    type Error = io::Error;

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        match self.chunk().await {
            Ok(chunk) if chunk.is_empty() => None,
            Ok(chunk) => {
                // After the last chunk, what may stall is the response, and not the transfer.
                let is_last = self.position == self.size_bytes;
                self.transfer.advance(if is_last { 0 } else { chunk.len() });
                Some(Ok(chunk))
            }
            Err(error) => Some(Err(error)),
        }
    }

    async fn size_hint(&self) -> io::Result<SizeHint> {
        Ok(SizeHint::with_exact(self.size_bytes))
    }
}

impl Seek for Source {
    type Error = io::Error;

    /// The client seeks to the first byte that the server does not have, before every attempt.
    async fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.progress.has_begun.store(true, Ordering::Relaxed);
        self.progress.persisted_bytes.store(offset, Ordering::Relaxed);
        self.position = offset.min(self.size_bytes);
        if let Reader::File(file, path) = &mut self.reader {
            file.seek(SeekFrom::Start(self.position)).await.map_err(|error| on_path(path, &error))?;
        }
        Ok(())
    }
}

fn on_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
}
