//! Files as memory: mapped, of the length that the manifest says, and with the content that it says.
#![allow(unsafe_code)] // Mapping a file: nobody may shorten it meanwhile, and files of an index are never changed.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::root_as_footer;
use arrow::ipc::writer::FileWriter;
use bytemuck::AnyBitPattern;
use bytes::Bytes;
use common_core::error::OnPath;
use common_core::{Error, Result};
use memmap2::Mmap;

/// A file in memory, read as the system sees fit.
pub struct Mapped(Option<Mmap>);

impl Mapped {
    /// Maps `path`, which must have `bytes` bytes.
    ///
    /// # Errors
    /// `Corrupt`, with the file's name, where it is missing or of another length.
    pub fn open(path: &Path, bytes: u64) -> Result<Self> {
        let file = File::open(path).map_err(|error| {
            Error::corrupt(format!("{} cannot be opened", path.display())).caused_by(error)
        })?;
        let found = file.metadata().on_path("cannot look at", path)?.len();
        if found != bytes {
            return Err(Error::corrupt(format!("{} has {found} bytes instead of {bytes}", path.display())));
        }
        if bytes == 0 {
            return Ok(Self(None));
        }
        // SAFETY: an index's files are written once, under a name that nothing else uses, and never shortened.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(Some(map)))
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.as_deref().map_or(0, <[u8]>::len)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole file as numbers of one type.
    ///
    /// # Panics
    /// Where its length is no multiple of the type's: [`Mapped::open`] was told a wrong length.
    pub fn numbers<T: AnyBitPattern>(&self) -> &[T] {
        self.0.as_deref().map_or(&[], |bytes| bytemuck::cast_slice(bytes))
    }

    /// The one batch of an Arrow file, whose arrays stay in the file.
    ///
    /// # Errors
    /// `Corrupt` where it is no Arrow file.
    pub fn into_batch(self, path: &Path) -> Result<RecordBatch> {
        let corrupt = || Error::corrupt(format!("{} is no Arrow file", path.display()));
        let map = self.0.ok_or_else(corrupt)?;
        let buffer = Buffer::from(Bytes::from_owner(map));
        batch(&buffer).and_then(|batch| batch.ok_or_else(corrupt)).map_err(|error| {
            if error.kind() == common_core::ErrorKind::Corrupt { error } else { corrupt().caused_by(error) }
        })
    }
}

fn batch(buffer: &Buffer) -> Result<Option<RecordBatch>> {
    let arrow = |error| Error::corrupt("an Arrow file cannot be read").caused_by(error);
    let Some(trailer) = buffer.len().checked_sub(10) else { return Ok(None) };
    let Ok(end) = buffer[trailer..].try_into() else { return Ok(None) };
    let length = read_footer_length(end).map_err(arrow)?;
    let Some(start) = trailer.checked_sub(length) else { return Ok(None) };
    let Ok(footer) = root_as_footer(&buffer[start..trailer]) else { return Ok(None) };
    let Some(schema) = footer.schema() else { return Ok(None) };
    let mut decoder = FileDecoder::new(std::sync::Arc::new(fb_to_schema(schema)), footer.version());
    let slice = |block: &arrow::ipc::Block| {
        let length = block.bodyLength() as usize + block.metaDataLength() as usize;
        let offset = block.offset() as usize;
        (offset.checked_add(length)? <= buffer.len()).then(|| buffer.slice_with_length(offset, length))
    };
    for block in footer.dictionaries().iter().flatten() {
        let Some(data) = slice(block) else { return Ok(None) };
        decoder.read_dictionary(block, &data).map_err(arrow)?;
    }
    let Some(block) = footer.recordBatches().and_then(|blocks| blocks.iter().next()) else { return Ok(None) };
    let Some(data) = slice(block) else { return Ok(None) };
    decoder.read_record_batch(block, &data).map_err(arrow)
}

/// Writes `batch` as an Arrow file.
///
/// # Errors
/// As the file system says.
pub fn write_batch(path: &Path, batch: &RecordBatch) -> Result<()> {
    let failed = |error| Error::internal(format!("cannot write {}", path.display())).caused_by(error);
    let file = std::io::BufWriter::new(File::create(path).on_path("cannot write", path)?);
    let mut writer = FileWriter::try_new(file, &batch.schema()).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    writer.finish().map_err(failed)?;
    writer.into_inner().map_err(failed)?.flush().on_path("cannot write", path)?;
    Ok(())
}
