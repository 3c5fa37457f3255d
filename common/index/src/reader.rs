//! Opens an index: maps its files and gives access to ads, texts and vectors.

use std::path::{Path, PathBuf};

use arrow::array::{AsArray, FixedSizeBinaryArray, ListArray, RecordBatch, UInt32Array};
use arrow::datatypes::{Float32Type, UInt32Type};
use common_core::{Error, Result};

use crate::ads::{self, Ad, Ads, Column};
use crate::codes::Codes;
use crate::files::Mapped;
use crate::graph::{Graph, VisitedPool};
use crate::lexicon::{self, Lexicon, TermId};
use crate::manifest::{GraphFacts, Manifest};
use crate::{Row, TextId};

/// Names of the files with numbers.
pub(crate) const VECTORS: &str = "vectors.f32";
pub(crate) const CODES: &str = "codes.i8";
pub(crate) const SCALES: &str = "scales.f32";
pub(crate) const LINKS: &str = "links.u32";
pub(crate) const ENTRIES: &str = "entries.u32";
/// Name of the file with the columns of texts.
pub(crate) const TEXTS: &str = "texts.arrow";

/// An open index. Any number of threads can search it.
pub struct JobIndex {
    manifest: Manifest,
    folder: PathBuf,
    vectors: Mapped,
    codes: Mapped,
    scales: Mapped,
    graph: Option<(Mapped, Mapped, GraphFacts)>,
    pub(crate) ads: Ads,
    pub(crate) lexicon: Lexicon,
    texts: Texts,
    pub(crate) pool: VisitedPool,
}

/// The columns of texts.
struct Texts {
    /// The first row of each text.
    first_row: UInt32Array,
    hash: FixedSizeBinaryArray,
    terms: ListArray,
    points: [arrow::array::Float32Array; 2],
}

impl Texts {
    fn from_batch(batch: &RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        Some(Self {
            first_row: column("first_row")?.as_primitive_opt::<UInt32Type>()?.clone(),
            hash: column("content_hash")?.as_fixed_size_binary_opt()?.clone(),
            terms: column("terms")?.as_list_opt::<i32>()?.clone(),
            points: [
                column("x")?.as_primitive_opt::<Float32Type>()?.clone(),
                column("y")?.as_primitive_opt::<Float32Type>()?.clone(),
            ],
        })
    }
}

impl JobIndex {
    /// Opens the index in `folder`. Only the lengths of files are checked; checksums must be verified by the code that
    /// copies an index.
    ///
    /// # Errors
    /// `NotFound` if there is no manifest; `Corrupt`, with the name of the file, if a file is missing, has another
    /// length or an invalid content.
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let body = &manifest.body;
        let map = |name: &str| {
            let path = folder.join(name);
            let known = manifest.files.get(name);
            let unlisted =
                || Error::corrupt(format!("{} is not in the manifest of the index", path.display()));
            Ok::<_, Error>((Mapped::open(&path, known.ok_or_else(unlisted)?.bytes)?, path))
        };
        let numbers = |name: &str, width: u64, count: u64| {
            let (mapped, path) = map(name)?;
            let bytes = manifest.files.get(name).map_or(0, |file| file.bytes);
            // The product can overflow, because the manifest is untrusted.
            if width.checked_mul(count) != Some(bytes) {
                return Err(Error::corrupt(format!(
                    "{}: expected {count} numbers, found {bytes} bytes",
                    path.display()
                )));
            }
            Ok(mapped)
        };
        let (texts, elements) = (body.texts, body.texts * body.dimension as u64);
        let graph = match body.graph {
            Some(facts) if facts.degree > 0 => {
                let links = numbers(LINKS, 4, texts.saturating_mul(facts.degree as u64))?;
                let (entries, path) = map(ENTRIES)?;
                if !entries.len().is_multiple_of(4) {
                    return Err(Error::corrupt(format!(
                        "{}: expected numbers of 4 bytes, found {} bytes",
                        path.display(),
                        entries.len()
                    )));
                }
                Some((links, entries, facts))
            }
            Some(_) => return Err(Error::corrupt("invalid degree 0 of the graph: expected at least 1")),
            None => None,
        };
        let (vectors, codes, scales) =
            (numbers(VECTORS, 4, elements)?, numbers(CODES, 1, elements)?, numbers(SCALES, 4, texts)?);
        let (mapped, path) = map(ads::FILE)?;
        let ads = Ads::open(mapped, &path)?;
        let (mapped, path) = map(lexicon::FILE)?;
        let lexicon = Lexicon::open(mapped, &path, ads.len())?;
        let (mapped, path) = map(TEXTS)?;
        let batch = mapped.into_batch(&path)?;
        let of_texts = Texts::from_batch(&batch).ok_or_else(|| {
            Error::corrupt(format!("{}: a column is missing or has another type", path.display()))
        })?;
        if ads.len() as u64 != manifest.rows || of_texts.first_row.len() as u64 != texts {
            return Err(Error::corrupt(format!(
                "{}: the numbers of ads or texts differ from the manifest",
                path.display()
            )));
        }
        Ok(Self {
            manifest,
            folder: folder.to_owned(),
            vectors,
            codes,
            scales,
            graph,
            ads,
            lexicon,
            texts: of_texts,
            pool: VisitedPool::default(),
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder of the index.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The row of the ad with this key.
    pub fn row_of(&self, source: &str, job_id: &str) -> Option<Row> {
        self.ads.row_of(source, job_id)
    }

    /// The columns of an ad.
    pub fn ad(&self, row: Row) -> Ad<'_> {
        let text = self.ads.text_of(row) as usize;
        self.ads.ad(row, [self.texts.points[0].value(text), self.texts.points[1].value(text)])
    }

    /// The text of an ad.
    pub fn text_of(&self, row: Row) -> TextId {
        self.ads.text_of(row)
    }

    /// The newest repost of the ad `row`, which is the first row of its group. Ads with the same title and description
    /// are reposts of each other; ads without a description only if the company is the same too.
    pub fn same(&self, row: Row) -> Row {
        self.ads.same(row)
    }

    /// The vector of an ad: `[dimension] f32`, L2-normalised.
    pub fn vector(&self, row: Row) -> &[f32] {
        self.vector_of(self.ads.text_of(row))
    }

    /// Ads with words of a query in title or company name, best first: at most `limit` after skipping the first
    /// `after`, and whether there are more.
    pub fn find(&self, words: &str, after: usize, limit: usize) -> (Vec<Row>, bool) {
        let found = self.lexicon.find(words);
        let page = found.iter().skip(after).take(limit).copied().collect();
        (page, found.len() > after.saturating_add(limit))
    }

    /// The values of a column with their number of ads, most frequent first.
    pub fn facets(&self, column: Column) -> Vec<(String, u32)> {
        self.ads.counts(column)
    }

    /// At most `n` ads of different texts, evenly spread over the index.
    pub fn sample(&self, n: usize) -> Vec<Row> {
        let texts = self.texts.first_row.len();
        let n = n.min(texts);
        (0..n).map(|i| self.texts.first_row.value((i as u64 * texts as u64 / n as u64) as usize)).collect()
    }

    /// The vector of a text.
    pub fn vector_of(&self, text: TextId) -> &[f32] {
        let start = text as usize * self.manifest.body.dimension;
        &self.vectors()[start..start + self.manifest.body.dimension]
    }

    /// The vectors of all texts: `[texts, dimension] f32`.
    pub(crate) fn vectors(&self) -> &[f32] {
        self.vectors.numbers()
    }

    /// The codes of all texts.
    pub fn codes(&self) -> Codes<'_> {
        Codes {
            codes: self.codes.numbers(),
            scales: self.scales.numbers(),
            dimension: self.manifest.body.dimension,
        }
    }

    /// The graph and its beam width, if the index has a graph.
    pub fn graph(&self) -> Option<(Graph<'_>, usize)> {
        let (links, entries, facts) = self.graph.as_ref()?;
        let graph = Graph { links: links.numbers(), degree: facts.degree, entries: entries.numbers() };
        Some((graph, facts.search_width))
    }

    /// Sets the beam width of graph search.
    pub(crate) fn set_search_width(&mut self, width: usize) {
        if let Some((_, _, facts)) = &mut self.graph {
            facts.search_width = width;
        }
    }

    /// The rows of a text.
    pub(crate) fn rows_of(&self, text: TextId) -> std::ops::Range<Row> {
        let text = text as usize;
        let end = if text + 1 < self.texts.first_row.len() {
            self.texts.first_row.value(text + 1)
        } else {
            self.ads.len() as Row
        };
        self.texts.first_row.value(text)..end
    }

    /// The content hash of a text.
    pub(crate) fn hash_of(&self, text: TextId) -> &[u8] {
        self.texts.hash.value(text as usize)
    }

    /// The distinctive words of an ad's text, most distinctive first.
    pub(crate) fn terms_of(&self, row: Row) -> &[TermId] {
        let text = self.ads.text_of(row) as usize;
        let offsets = self.texts.terms.value_offsets();
        let terms = self.texts.terms.values().as_primitive::<UInt32Type>().values();
        &terms[offsets[text] as usize..offsets[text + 1] as usize]
    }
}
