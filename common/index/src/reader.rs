//! Opens an index: maps its files and gives access to ads, texts and vectors.

use std::path::{Path, PathBuf};

use common_core::{Error, Result};

use crate::ads::{self, Ad, Ads, Column};
use crate::codes::Codes;
use crate::files::Mapped;
use crate::graph::{Graph, VisitedPool};
use crate::lexicon::{self, Lexicon, TermId};
use crate::manifest::{GraphFacts, Manifest};
use crate::market::{self, Cluster, Clusters};
use crate::texts::{self, Texts};
use crate::{Row, TextId};

/// Names of the files with numbers.
pub(crate) const VECTORS: &str = "vectors.f32";
pub(crate) const CODES: &str = "codes.i8";
pub(crate) const SCALES: &str = "scales.f32";
pub(crate) const LINKS: &str = "links.u32";
pub(crate) const ENTRIES: &str = "entries.u32";

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
    clusters: Option<Clusters>,
    pub(crate) pool: VisitedPool,
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
        let clusters = match &body.clustering {
            Some(facts) => {
                let (mapped, path) = map(market::FILE)?;
                Some(Clusters::open(&mapped, &path, facts.clusters)?)
            }
            None => None,
        };
        let (mapped, path) = map(texts::FILE)?;
        let of_texts = Texts::open(mapped, &path)?;
        if clusters.is_some() != of_texts.clusters().is_some() {
            return Err(Error::corrupt(format!(
                "{}: expected a cluster for each text exactly if the manifest has a clustering",
                path.display()
            )));
        }
        if ads.len() as u64 != manifest.rows || of_texts.len() as u64 != texts {
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
            clusters,
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
        self.ads.ad(row, self.texts.point(self.ads.text_of(row)), self.cluster_of(row))
    }

    /// The clusters of the ads. `None` if the index was built without a clustering.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// The cluster of an ad. `None` if the index was built without a clustering.
    pub fn cluster_of(&self, row: Row) -> Option<&Cluster> {
        let id = self.clusters_of_texts()?.get(self.ads.text_of(row) as usize)?;
        self.clusters()?.get(*id)
    }

    /// The id of the cluster of each text.
    pub(crate) fn clusters_of_texts(&self) -> Option<&[u16]> {
        self.texts.clusters()
    }

    /// The ids of the clusters with these ids or names; unknown ones are left out.
    pub(crate) fn cluster_ids(&self, wanted: &[String]) -> Vec<u16> {
        let clusters = self.clusters();
        wanted.iter().filter_map(|text| Some(clusters?.find(text)?.id)).collect()
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
        let texts = self.texts.len();
        let n = n.min(texts);
        (0..n).map(|i| self.texts.first_row((i as u64 * texts as u64 / n as u64) as TextId)).collect()
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
        let is_last = text as usize + 1 >= self.texts.len();
        let end = if is_last { self.ads.len() as Row } else { self.texts.first_row(text + 1) };
        self.texts.first_row(text)..end
    }

    /// The content hash of a text.
    pub(crate) fn hash_of(&self, text: TextId) -> &[u8] {
        self.texts.hash(text)
    }

    /// The distinctive words of an ad's text, most distinctive first.
    pub(crate) fn terms_of(&self, row: Row) -> &[TermId] {
        self.texts.terms(self.ads.text_of(row))
    }
}
