//! Builds an index folder from ads with vectors, and measures its recall.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::Utc;
use common_core::artifact::{FileFacts, Provenance};
use common_core::error::OnPath;
use common_core::job::{ContentHash, IndexedAd, employer};
use common_core::{Error, Result};

use crate::ads::Metadata;
use crate::codes::{Code, Codes};
use crate::files::Mapped;
use crate::graph::DEGREE;
use crate::grow::GraphBuilder;
use crate::lexicon::LexiconBuilder;
use crate::manifest::{
    ClusteringFacts, GraphFacts, IndexBody, KIND, LARGEST_TEXTS, Manifest, Origin, Quality, embedding_space,
};
use crate::market::{self, Clusters, Placed, Placement, Summary, TextVectors};
use crate::measure::{GroundTruth, QUERIES};
use crate::order::{NewTexts, TextOrder};
use crate::projection::Projection;
use crate::reader::{CODES, ENTRIES, JobIndex, LINKS, SCALES, VECTORS};
use crate::search::EXACT_TEXTS;
use crate::texts::TextColumns;
use crate::{TextId, ads, lexicon, texts};

/// Temporary file of vectors in the order of arrival.
const SPOOL: &str = "spool.tmp";

/// Default of [`BuildOptions::graph_texts`]: up to `EXACT_TEXTS` texts, search compares all of them.
pub const GRAPH_TEXTS: usize = EXACT_TEXTS + 1;

/// Beam widths of graph search that are tried in this order until recall reaches [`TARGET_RECALL`].
const WIDTHS: [usize; 7] = [32, 48, 64, 96, 128, 192, 256];
const TARGET_RECALL: f64 = 0.985;

/// Options of a build.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildOptions {
    /// Embedding space of the vectors.
    pub embedding_space: String,
    /// Model version in the manifest of an index without vectors; otherwise it is that of the vectors.
    pub model_version: String,
    /// Number of elements of a vector.
    pub dimension: usize,
    /// Version of the program that builds.
    pub code_version: String,
    /// Opaque description of the state of the embeddings, stored in the manifest and compared by later builds.
    pub state: String,
    /// Minimum number of texts for a graph.
    pub graph_texts: usize,
    /// Maximum share of added and removed texts at which the graph of the previous index is extended instead of
    /// rebuilt.
    pub most_changed: f64,
}

/// Builds an index from ads that are added one by one.
pub struct Builder {
    folder: PathBuf,
    options: BuildOptions,
    started: Instant,
    spool: BufWriter<File>,
    texts: HashMap<ContentHash, u32>,
    hashes: Vec<ContentHash>,
    model_versions: BTreeMap<String, u64>,
    /// Numbers of employers in the order of arrival, from 1. They distinguish ads with the same text.
    employers: HashMap<String, u32>,
    ads: Vec<Metadata>,
    unreadable: u64,
    lexicon: LexiconBuilder,
    clustering: Option<ClusteringFacts>,
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new).on_path("cannot write", path)
}

impl Builder {
    /// Begins an index in `folder`, which is created if it does not exist.
    ///
    /// # Errors
    /// I/O errors.
    pub fn new(folder: &Path, options: BuildOptions) -> Result<Self> {
        std::fs::create_dir_all(folder).on_path("cannot make", folder)?;
        let spool = create(&folder.join(SPOOL))?;
        Ok(Self {
            folder: folder.to_owned(),
            options,
            started: Instant::now(),
            spool,
            texts: HashMap::new(),
            hashes: Vec::new(),
            model_versions: BTreeMap::new(),
            employers: HashMap::new(),
            ads: Vec::new(),
            unreadable: 0,
            lexicon: LexiconBuilder::default(),
            clustering: None,
        })
    }

    /// Adds an ad. Its key must not have been added before.
    ///
    /// # Errors
    /// `Corrupt` if its vector has another dimension or an element that is not finite; I/O errors.
    pub fn add(&mut self, ad: IndexedAd) -> Result<()> {
        if ad.embedding.len() != self.options.dimension || !ad.embedding.iter().all(|value| value.is_finite())
        {
            return Err(Error::corrupt(format!(
                "invalid vector of {}: expected {} finite numbers; embed it again with embed-new-jobs --force",
                ad.key, self.options.dimension
            )));
        }
        let next = self.hashes.len() as u32;
        let text = *self.texts.entry(ad.content_hash).or_insert(next);
        if text == next {
            self.hashes.push(ad.content_hash);
            match self.model_versions.get_mut(&ad.model_version) {
                Some(vectors) => *vectors += 1,
                None => drop(self.model_versions.insert(ad.model_version, 1)),
            }
            let written = self.spool.write_all(bytemuck::cast_slice(&ad.embedding));
            written.on_path("cannot write in", &self.folder)?;
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            self.lexicon.add(&part(&ad.job_title), &part(&ad.job_description));
        }
        let employer = match employer(ad.job_description.as_deref(), ad.company_name.as_deref()) {
            Some(name) => {
                let next = self.employers.len() as u32 + 1;
                *self.employers.entry(name).or_insert(next)
            }
            None => 0,
        };
        self.ads.push(Metadata {
            text,
            employer,
            key: ad.key,
            job_title: ad.job_title,
            company_name: ad.company_name,
            job_location: ad.job_location,
            job_classification: ad.job_classification,
            job_work_type: ad.job_work_type,
            currency: ad.job_currency,
            job_url: ad.job_url,
            salary_min_monthly: ad.salary_min_monthly,
            salary_max_monthly: ad.salary_max_monthly,
            posted: ad.job_posted_timestamp,
        });
        Ok(())
    }

    /// Counts an ad that is left out because the model has no token for its text, so that its vector means nothing.
    pub fn leave_out(&mut self) {
        self.unreadable += 1;
    }

    /// The number of ads that were added or left out.
    pub fn read(&self) -> u64 {
        self.ads.len() as u64 + self.unreadable
    }

    /// The number of ads that were added.
    pub fn len(&self) -> usize {
        self.ads.len()
    }

    /// Returns whether no ad was added.
    pub fn is_empty(&self) -> bool {
        self.ads.is_empty()
    }

    /// Writes the index and measures it. If `last`, the previous index, differs by at most
    /// [`BuildOptions::most_changed`], its graph is extended. With `placement`, the ads get clusters and its points on
    /// the map; without one, the map is a [`Projection`].
    ///
    /// # Errors
    /// `InvalidInput` for a placement of another embedding space; errors of the placement; I/O errors.
    pub fn finish(mut self, last: Option<&JobIndex>, placement: Option<&dyn Placement>) -> Result<Manifest> {
        self.spool.flush().on_path("cannot write in", &self.folder)?;
        let spool =
            Mapped::open(&self.folder.join(SPOOL), (self.hashes.len() * self.options.dimension * 4) as u64)?;
        let last = last.filter(|last| {
            let manifest = last.manifest();
            embedding_space(manifest) == self.options.embedding_space
                && manifest.body.dimension == self.options.dimension
        });
        let new_texts = NewTexts {
            hashes: &self.hashes,
            texts: &self.texts,
            vectors: spool.numbers(),
            dimension: self.options.dimension,
        };
        let order = new_texts.order(last, self.options.most_changed);
        self.write_vectors(spool.numbers(), &order)?;
        drop(spool);
        std::fs::remove_file(self.folder.join(SPOOL)).on_path("cannot write in", &self.folder)?;
        let first_rows = self.write_ads(&order)?;
        let labels = self.ads.iter().map(|ad| {
            [ad.job_title.as_deref().unwrap_or_default(), ad.company_name.as_deref().unwrap_or_default()]
        });
        let terms = std::mem::take(&mut self.lexicon).write(&self.folder, &order.arrivals, labels)?;
        let elements = self.hashes.len() * self.options.dimension;
        let vectors = Mapped::open(&self.folder.join(VECTORS), elements as u64 * 4)?;
        let placed = self.place(placement, vectors.numbers())?;
        let points = match &placed {
            Some(placed) => placed.iter().map(|placed| placed.point).collect(),
            None => Projection::points(vectors.numbers(), self.options.dimension),
        };
        let hashes = order.arrivals.iter().map(|&arrival| self.hashes[arrival]).collect();
        let clusters = placed.map(|placed| placed.iter().map(|placed| placed.cluster).collect());
        TextColumns { first_rows, hashes, terms, points, clusters }.write(&self.folder)?;
        let has_graph = self.hashes.len() >= self.options.graph_texts.max(1);
        let grown_from = if has_graph { self.write_graph(&order, last)? } else { None };
        let mut manifest = self.manifest(&order, has_graph, grown_from, last)?;
        manifest.write(&self.folder)?;
        self.measure(&mut manifest)?;
        manifest.write(&self.folder)?;
        Ok(manifest)
    }

    fn write_vectors(&self, spool: &[f32], order: &TextOrder) -> Result<()> {
        let [vectors, codes, scales] = [VECTORS, CODES, SCALES].map(|name| self.folder.join(name));
        let (mut vectors, mut codes, mut scales) = (create(&vectors)?, create(&codes)?, create(&scales)?);
        let write = || {
            for &arrival in &order.arrivals {
                let vector = &spool[arrival * self.options.dimension..][..self.options.dimension];
                let code = Code::quantize(vector);
                vectors.write_all(bytemuck::cast_slice(vector))?;
                codes.write_all(bytemuck::cast_slice(&code.code))?;
                scales.write_all(&code.scale.to_le_bytes())?;
            }
            [vectors, codes, scales].iter_mut().try_for_each(Write::flush)
        };
        write().on_path("cannot write in", &self.folder)
    }

    /// Writes the ads, sorted by text, then by group of reposts, newest first; returns the first row of each text.
    fn write_ads(&mut self, order: &TextOrder) -> Result<Vec<u32>> {
        let mut new_ids = vec![0 as TextId; order.arrivals.len()];
        for (text, &arrival) in order.arrivals.iter().enumerate() {
            new_ids[arrival] = text as TextId;
        }
        for ad in &mut self.ads {
            ad.text = new_ids[ad.text as usize];
        }
        let newest_first =
            |a: &Metadata, b: &Metadata| b.posted.cmp(&a.posted).then_with(|| a.key.cmp(&b.key));
        self.ads.sort_unstable_by(|a, b| {
            let same = a.text.cmp(&b.text).then_with(|| a.employer.cmp(&b.employer));
            same.then_with(|| newest_first(a, b))
        });
        // Employers were numbered in the order of arrival; renumber them within each text by their newest ad, so that
        // the index does not depend on that order.
        for text in self.ads.chunk_by_mut(|a, b| a.text == b.text) {
            let mut groups: Vec<&mut [Metadata]> =
                text.chunk_by_mut(|a, b| a.employer == b.employer).collect();
            groups.sort_unstable_by(|a, b| newest_first(&a[0], &b[0]));
            for (number, ads) in (0..).zip(groups) {
                for ad in ads {
                    ad.employer = number;
                }
            }
        }
        self.ads.sort_by_key(|ad| (ad.text, ad.employer));
        ads::write(&self.folder, &self.ads)?;
        let mut first_rows = vec![0; order.arrivals.len()];
        for (row, ad) in self.ads.iter().enumerate().rev() {
            first_rows[ad.text as usize] = row as u32;
        }
        Ok(first_rows)
    }

    /// The places of the texts, and their clusters in the index, if there is a clustering.
    ///
    /// # Errors
    /// `InvalidInput` for a clustering of another embedding space; errors of the clustering.
    fn place(&mut self, placement: Option<&dyn Placement>, vectors: &[f32]) -> Result<Option<Vec<Placed>>> {
        let Some(placement) = placement else { return Ok(None) };
        let space = &self.options.embedding_space;
        let placed = market::place(placement, &TextVectors { vectors, texts: self.hashes.len(), space })?;
        let summary = Summary { ads: &self.ads, placed: &placed, vectors, dimension: self.options.dimension };
        let clusters = summary.clusters(placement.clusters());
        let version = placement.version().to_owned();
        self.clustering = Some(ClusteringFacts { version: version.clone(), clusters: clusters.len() });
        Clusters { version, clusters }.write(&self.folder)?;
        Ok(Some(placed))
    }

    /// Writes the graph; returns the version of the index whose graph was extended, if any.
    fn write_graph(&self, order: &TextOrder, last: Option<&JobIndex>) -> Result<Option<String>> {
        let texts = order.arrivals.len();
        let codes = Mapped::open(&self.folder.join(CODES), (texts * self.options.dimension) as u64)?;
        let scales = Mapped::open(&self.folder.join(SCALES), (texts * 4) as u64)?;
        let codes =
            Codes { codes: codes.numbers(), scales: scales.numbers(), dimension: self.options.dimension };
        let (mut builder, grown_from) = match (&order.new_ids, last, last.and_then(JobIndex::graph)) {
            (Some(new_ids), Some(last), Some((graph, _))) => {
                (GraphBuilder::extend(codes, graph, new_ids), Some(last.manifest().version.clone()))
            }
            _ => (GraphBuilder::new(codes), None),
        };
        let new: Vec<TextId> = (order.kept as TextId..texts as TextId).collect();
        builder.insert(&new);
        let (links, entries) = builder.finish();
        for (name, numbers) in [(LINKS, &links), (ENTRIES, &entries)] {
            let path = self.folder.join(name);
            std::fs::write(&path, bytemuck::cast_slice::<u32, u8>(numbers)).on_path("cannot write", &path)?;
        }
        Ok(grown_from)
    }

    fn manifest(
        &self,
        order: &TextOrder,
        has_graph: bool,
        grown_from: Option<String>,
        last: Option<&JobIndex>,
    ) -> Result<Manifest> {
        let mut names = vec![VECTORS, CODES, SCALES, ads::FILE, lexicon::FILE, texts::FILE];
        if has_graph {
            names.extend([LINKS, ENTRIES]);
        }
        names.extend(self.clustering.as_ref().map(|_| market::FILE));
        let before = last.filter(|_| grown_from.is_some()).map_or(0, |last| last.manifest().body.texts);
        let (texts, kept) = (order.arrivals.len() as u64, order.kept as u64);
        let facts = |name: &str| Ok((name.to_owned(), FileFacts::of(&self.folder.join(name))?));
        Ok(Manifest {
            kind: KIND.name.to_owned(),
            format: KIND.format,
            version: String::new(),
            created_at: Utc::now(),
            provenance: Provenance {
                code_version: self.options.code_version.clone(),
                embedding_space: Some(self.options.embedding_space.clone()),
                window: None,
            },
            rows: self.ads.len() as u64,
            metrics: Quality::default().metrics(),
            decision: None,
            files: names.into_iter().map(facts).collect::<Result<_>>()?,
            body: IndexBody {
                model_version: self.most_used_version().to_owned(),
                model_versions: self.model_versions.clone(),
                dimension: self.options.dimension,
                texts,
                unreadable: self.unreadable,
                largest_texts: LARGEST_TEXTS,
                graph: has_graph.then_some(GraphFacts { degree: DEGREE, search_width: WIDTHS[0] }),
                grown_from,
                changed_texts: (texts - kept) + before.saturating_sub(kept),
                clustering: self.clustering.clone(),
                origin: Origin {
                    state: self.options.state.clone(),
                    clustering: self.clustering.as_ref().map(|facts| facts.version.clone()),
                },
            },
        })
    }

    fn most_used_version(&self) -> &str {
        let most = self.model_versions.iter().max_by_key(|(_, vectors)| **vectors);
        most.map_or(&self.options.model_version, |(version, _)| version)
    }

    /// Sets the smallest beam width that reaches [`TARGET_RECALL`], and the quality of the index with it.
    fn measure(&self, manifest: &mut Manifest) -> Result<()> {
        let mut index = JobIndex::open(&self.folder)?;
        let truth = GroundTruth::compute(&index, QUERIES);
        let mut measured = truth.compare(&index);
        for width in WIDTHS.into_iter().skip(1) {
            let Some(graph) = &mut manifest.body.graph else { break };
            if measured.recall_at_10 >= TARGET_RECALL {
                break;
            }
            graph.search_width = width;
            index.set_search_width(width);
            measured = truth.compare(&index);
        }
        let quality = Quality {
            recall_at_10: measured.recall_at_10,
            queries: measured.queries as u64,
            p50_ms: measured.p50_ms,
            p99_ms: measured.p99_ms,
            build_seconds: self.started.elapsed().as_secs_f64(),
        };
        manifest.metrics = quality.metrics();
        Ok(())
    }
}
