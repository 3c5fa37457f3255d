//! The columns of texts: one memory-mapped Arrow file.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryArray, Float32Array, ListArray, RecordBatch, UInt16Array, UInt32Array,
};
use arrow::datatypes::{Float32Type, UInt16Type, UInt32Type};
use common_core::job::ContentHash;
use common_core::{Error, Result};

use crate::files::{Mapped, write_batch};
use crate::lexicon::TermId;
use crate::{Row, TextId};

/// Name of the file.
pub(crate) const FILE: &str = "texts.arrow";
/// Name of the column of clusters, which only an index with clusters has.
const CLUSTER: &str = "cluster";

/// The columns of texts.
pub(crate) struct Texts {
    /// The first row of each text.
    first_row: UInt32Array,
    hash: FixedSizeBinaryArray,
    terms: ListArray,
    points: [Float32Array; 2],
    /// The cluster of each text. `None` if the index has no clusters.
    clusters: Option<UInt16Array>,
}

impl Texts {
    /// Reads the columns of the mapped file; `path` is used in errors.
    ///
    /// # Errors
    /// `Corrupt` if it is not an Arrow file or a column is missing or has another type.
    pub(crate) fn open(mapped: Mapped, path: &Path) -> Result<Self> {
        let batch = mapped.into_batch(path)?;
        Self::from_batch(&batch).ok_or_else(|| {
            Error::corrupt(format!("{}: a column is missing or has another type", path.display()))
        })
    }

    fn from_batch(batch: &RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let clusters = match column(CLUSTER) {
            Some(column) => Some(column.as_primitive_opt::<UInt16Type>()?.clone()),
            None => None,
        };
        Some(Self {
            first_row: column("first_row")?.as_primitive_opt::<UInt32Type>()?.clone(),
            hash: column("content_hash")?.as_fixed_size_binary_opt()?.clone(),
            terms: column("terms")?.as_list_opt::<i32>()?.clone(),
            points: [
                column("x")?.as_primitive_opt::<Float32Type>()?.clone(),
                column("y")?.as_primitive_opt::<Float32Type>()?.clone(),
            ],
            clusters,
        })
    }

    /// The number of texts.
    pub(crate) fn len(&self) -> usize {
        self.first_row.len()
    }

    /// The first row of a text.
    pub(crate) fn first_row(&self, text: TextId) -> Row {
        self.first_row.value(text as usize)
    }

    /// The content hash of a text.
    pub(crate) fn hash(&self, text: TextId) -> &[u8] {
        self.hash.value(text as usize)
    }

    /// The distinctive words of a text, most distinctive first.
    pub(crate) fn terms(&self, text: TextId) -> &[TermId] {
        let offsets = self.terms.value_offsets();
        let terms = self.terms.values().as_primitive::<UInt32Type>().values();
        &terms[offsets[text as usize] as usize..offsets[text as usize + 1] as usize]
    }

    /// The coordinates of a text on the map.
    pub(crate) fn point(&self, text: TextId) -> [f32; 2] {
        [0, 1].map(|axis| self.points[axis].value(text as usize))
    }

    /// The cluster of each text. `None` if the index has no clusters.
    pub(crate) fn clusters(&self) -> Option<&[u16]> {
        self.clusters.as_ref().map(|clusters| &**clusters.values())
    }
}

/// The columns of texts while the index is built: one element per text.
pub(crate) struct TextColumns {
    pub(crate) first_rows: Vec<Row>,
    pub(crate) hashes: Vec<ContentHash>,
    pub(crate) terms: ListArray,
    /// Coordinates on the map.
    pub(crate) points: Vec<[f32; 2]>,
    /// `None` for an index without clusters.
    pub(crate) clusters: Option<Vec<u16>>,
}

impl TextColumns {
    /// Writes the columns to `folder`.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn write(self, folder: &Path) -> Result<()> {
        let failed = |error| Error::internal("cannot build the table of texts").caused_by(error);
        let axis = |n: usize| Float32Array::from_iter_values(self.points.iter().map(|point| point[n]));
        let hashes: Vec<Vec<u8>> =
            self.hashes.iter().map(|hash| hex::decode(hash.to_string()).unwrap_or_default()).collect();
        let hashes = if hashes.is_empty() {
            FixedSizeBinaryArray::new(32, Vec::<u8>::new().into(), None)
        } else {
            FixedSizeBinaryArray::try_from_iter(hashes.into_iter()).map_err(failed)?
        };
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("first_row", Arc::new(UInt32Array::from(self.first_rows))),
            ("content_hash", Arc::new(hashes)),
            ("terms", Arc::new(self.terms)),
            ("x", Arc::new(axis(0))),
            ("y", Arc::new(axis(1))),
        ];
        if let Some(clusters) = self.clusters {
            columns.push((CLUSTER, Arc::new(UInt16Array::from(clusters))));
        }
        let batch = RecordBatch::try_from_iter(columns).map_err(failed)?;
        write_batch(&folder.join(FILE), &batch)
    }
}
