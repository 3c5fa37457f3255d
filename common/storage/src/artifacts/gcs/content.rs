//! The content of an object that is written: bytes in memory or a file.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
                match io::Read::read(&mut file, &mut chunk).on_path("cannot read", &path)? {
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

    /// The content from its start; progress is reported to `transfer`.
    pub(super) async fn open(&self, transfer: Arc<Transfer>) -> io::Result<Source> {
        let reader = match &self.place {
            Place::Memory(bytes) => Reader::Memory { whole: bytes.clone(), rest: bytes.clone() },
            Place::File(path) => Reader::File(File::open(path).await?),
        };
        Ok(Source { reader, size_bytes: self.size_bytes, transfer })
    }
}

/// Content that is being sent.
pub(super) struct Source {
    reader: Reader,
    size_bytes: u64,
    transfer: Arc<Transfer>,
}

enum Reader {
    Memory { whole: Bytes, rest: Bytes },
    File(File),
}

impl StreamingSource for Source {
    type Error = io::Error;

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let chunk = match &mut self.reader {
            Reader::Memory { rest, .. } => rest.split_to(rest.len().min(CHUNK_BYTES)),
            Reader::File(file) => {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                if let Err(error) = file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await {
                    return Some(Err(error));
                }
                chunk.into()
            }
        };
        self.transfer.advance(chunk.len());
        (!chunk.is_empty()).then_some(Ok(chunk))
    }

    async fn size_hint(&self) -> io::Result<SizeHint> {
        Ok(SizeHint::with_exact(self.size_bytes))
    }
}

impl Seek for Source {
    type Error = io::Error;

    async fn seek(&mut self, offset: u64) -> io::Result<()> {
        match &mut self.reader {
            Reader::Memory { whole, rest } => {
                *rest = whole.slice(whole.len().min(usize::try_from(offset).unwrap_or(usize::MAX))..);
            }
            Reader::File(file) => {
                file.seek(SeekFrom::Start(offset)).await?;
            }
        }
        Ok(())
    }
}
