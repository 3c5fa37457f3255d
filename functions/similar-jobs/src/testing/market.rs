//! A small index, a store for it, and a model that hashes words.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use common::embedding::{Embedder, Identity};
use common::index::build::GRAPH_TEXTS;
use common::index::{BuildOptions, Builder, Cluster, JobIndex, Placed, Placement};
use common::job::{ContentHash, IndexedAd, JobKey};
use common::{Error, Result};

use crate::embed::Open;
use crate::index_source::{IndexSource, Newest};

pub(crate) const DIMENSION: usize = 16;
pub(crate) const SPACE: &str = "words/1";
const MODEL_VERSION: &str = "words/1/test";

/// A vector that has the words of `text` in it, of length 1.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut vector = [0.0_f32; DIMENSION];
    for word in text.to_lowercase().split_whitespace() {
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        vector[hash as usize % DIMENSION] += if hash & (1 << 40) == 0 { 1.0 } else { -1.0 };
    }
    vector[0] += 0.01;
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

/// The model: its vectors are [`vector`]'s.
pub(crate) struct Words {
    identity: Identity,
    /// How long a text takes.
    pub(crate) pause: Duration,
}

impl Words {
    pub(crate) fn new(pause: Duration) -> Self {
        let identity = Identity {
            model_name: "words".into(),
            embedding_space: SPACE.into(),
            model_version: MODEL_VERSION.into(),
            dimension: DIMENSION,
        };
        Self { identity, pause }
    }

    pub(crate) fn open(pause: Duration) -> Open {
        Box::new(move || Ok(Box::new(Self::new(pause)) as Box<dyn Embedder>))
    }

    /// One that is loaded once the sender is dropped.
    pub(crate) fn held() -> (Open, Sender<()>) {
        let (go, wait) = mpsc::channel();
        let mut open = Self::open(Duration::ZERO);
        let held = move || {
            wait.recv().ok();
            open()
        };
        (Box::new(held), go)
    }
}

impl Embedder for Words {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn preferred_chunk(&self) -> usize {
        8
    }

    fn embed_each(&mut self, texts: &[&str], done: &mut dyn FnMut(usize, Result<Vec<f32>>)) {
        for (index, text) in texts.iter().enumerate() {
            std::thread::sleep(self.pause);
            assert_ne!(*text, "deadly", "the test's model dies of this text");
            let result = if *text == "untokenizable" {
                Err(Error::invalid_input("no").for_caller())
            } else {
                Ok(vector(text))
            };
            done(index, result);
        }
    }
}

/// A published index of ads with these titles. Ads of one title are reposts of each other.
pub(crate) fn index(version: &str, titles: &[&str]) -> Arc<JobIndex> {
    build(version, titles, None)
}

fn build(version: &str, titles: &[&str], placement: Option<&dyn Placement>) -> Arc<JobIndex> {
    // Its files stay mapped when the folder is gone.
    let folder = tempfile::tempdir().unwrap();
    let options = BuildOptions {
        embedding_space: SPACE.into(),
        model_version: MODEL_VERSION.into(),
        dimension: DIMENSION,
        code_version: "1".into(),
        state: String::new(),
        graph_texts: GRAPH_TEXTS,
        most_changed: 0.2,
    };
    let mut builder = Builder::new(folder.path(), options).unwrap();
    for (number, title) in titles.iter().enumerate() {
        builder.add(ad(number, title)).unwrap();
    }
    let mut manifest = builder.finish(None, placement).unwrap();
    manifest.version = version.into();
    manifest.created_at = DateTime::UNIX_EPOCH;
    manifest.write(folder.path()).unwrap();
    Arc::new(JobIndex::open(folder.path()).unwrap())
}

fn ad(number: usize, title: &str) -> IndexedAd {
    let salary = (!number.is_multiple_of(4)).then_some(3000.0 + 100.0 * number as f64);
    IndexedAd {
        key: JobKey {
            source: if number.is_multiple_of(2) { "MCF".into() } else { "JobHarbour".into() },
            job_id: number.to_string(),
        },
        content_hash: ContentHash::of(title),
        model_version: MODEL_VERSION.into(),
        embedding: vector(title),
        job_title: Some(title.to_owned()),
        job_description: Some("Apply today".into()),
        company_name: Some(["Alpha \"1%\" Pte", "Beta \"1%\" Pte", "Gamma \"1%\" Pte"][number % 3].into()),
        job_location: None,
        job_classification: title.split(' ').next_back().map(str::to_owned),
        job_work_type: None,
        job_currency: salary.map(|_| "SGD".into()),
        job_url: Some("javascript:alert(1)".into()),
        salary_min_monthly: salary,
        salary_max_monthly: salary,
        job_posted_timestamp: Some(DateTime::UNIX_EPOCH),
    }
}

const TITLES: [&str; 12] = [
    "line cook",
    "pastry cook",
    "night shift line cook",
    "data engineer",
    "senior data engineer",
    "platform engineer",
    "staff nurse",
    "ward nurse",
    "staff nurse",
    "theatre nurse",
    "bus driver",
    "lorry driver",
];

/// Twelve ads, two of them the same.
pub(crate) fn market(version: &str) -> Arc<JobIndex> {
    index(version, &TITLES)
}

/// The ads of [`market`] in clusters by their last word; one cluster has no ads.
pub(crate) fn clustered_market(version: &str) -> Arc<JobIndex> {
    build(version, &TITLES, Some(&Trades::new()))
}

/// Clusters by the last word of the title.
struct Trades {
    clusters: Vec<Cluster>,
}

impl Trades {
    /// Last words, in the order of ids.
    const WORDS: [&str; 5] = ["cook", "engineer", "nurse", "driver", "astronaut"];

    fn new() -> Self {
        let names = ["Kitchen", "Software & data", "Nursing \"1%\"", "Drivers", "Space"];
        let clusters = (0..).zip(names).map(|(id, name)| Cluster {
            id,
            name: name.into(),
            keywords: vec![Self::WORDS[usize::from(id)].into()],
            ..Cluster::default()
        });
        Self { clusters: clusters.collect() }
    }
}

impl Placement for Trades {
    fn version(&self) -> &'static str {
        "v7"
    }

    fn embedding_space(&self) -> &'static str {
        SPACE
    }

    fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    fn place(&self, vectors: &[f32]) -> Result<Vec<Placed>> {
        let cluster_of = |one: &[f32]| {
            let title = TITLES.iter().find(|title| vector(title) == one)?;
            (0..).zip(Self::WORDS).find(|(_, word)| title.ends_with(word)).map(|(id, _)| id)
        };
        let place = |one: &[f32]| {
            let cluster = cluster_of(one).ok_or_else(|| Error::internal("a vector of no title"))?;
            Ok(Placed { cluster, point: [f32::from(cluster), one[1]] })
        };
        vectors.chunks_exact(DIMENSION).map(place).collect()
    }
}

/// A store whose champion a test sets.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) champion: Mutex<Option<Arc<JobIndex>>>,
    pub(crate) failure: Mutex<Option<&'static str>>,
}

impl Store {
    pub(crate) fn with(index: Arc<JobIndex>) -> Arc<Self> {
        let store = Arc::<Self>::default();
        store.publish(index);
        store
    }

    pub(crate) fn publish(&self, index: Arc<JobIndex>) {
        *self.champion.lock().unwrap() = Some(index);
    }
}

#[async_trait]
impl IndexSource for Store {
    async fn newest(&self, current: Option<&str>) -> Result<Newest> {
        let failure = *self.failure.lock().unwrap();
        match failure {
            Some("panic") => panic!("as asked"),
            Some(failure) => return Err(Error::unavailable(failure)),
            None => {}
        }
        let champion = self.champion.lock().unwrap().clone();
        let newer = champion.filter(|index| Some(index.manifest().version.as_str()) != current);
        Ok(newer.map_or(Newest::Nothing, Newest::Opened))
    }
}
