//! A small index that compares everything, a store for it, and a model that hashes words.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use common::embedding::{Embedder, Identity};
use common::{Error, Result};

use crate::embed::Open;
use crate::search::{
    Ad, Column, Filter, Hit, IndexSource, Manifest, MarketIndex, Newest, Query, Reason, Row,
};

pub(crate) const DIMENSION: usize = 16;
const SPACE: &str = "words/1";

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
            model_version: "words/1/test".into(),
            dimension: DIMENSION,
        };
        Self { identity, pause }
    }

    pub(crate) fn open(pause: Duration) -> Open {
        Box::new(move || Ok(Box::new(Self::new(pause)) as Box<dyn Embedder>))
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

/// An ad of the index.
pub(crate) struct Owned {
    pub(crate) source: String,
    pub(crate) job_id: String,
    pub(crate) title: String,
    pub(crate) company: String,
    pub(crate) classification: String,
    pub(crate) salary: Option<f64>,
    vector: Vec<f32>,
}

impl Owned {
    /// The share of `words` that are in its title or company.
    pub(crate) fn share_of(&self, words: &str) -> f32 {
        let label = format!("{} {}", self.title, self.company);
        let has = |word: &&str| label.split(' ').any(|known| known == *word);
        words.split(' ').filter(has).count() as f32 / words.split(' ').count() as f32
    }
}

/// An index that compares everything with everything.
pub(crate) struct Brute {
    manifest: Manifest,
    pub(crate) ads: Vec<Owned>,
    /// How long a search takes.
    pub(crate) pause: Duration,
}

impl Brute {
    pub(crate) fn new(version: &str, titles: &[&str]) -> Self {
        let ads = titles.iter().enumerate().map(|(number, title)| Owned {
            source: if number % 2 == 0 { "MCF".into() } else { "JobHarbour".into() },
            job_id: format!("{number}"),
            title: (*title).to_owned(),
            company: format!("Company \"{}%\" Pte", number % 3),
            classification: title.split(' ').next_back().unwrap_or_default().to_owned(),
            salary: (number % 4 != 0).then_some(3000.0 + 100.0 * number as f64),
            vector: vector(title),
        });
        let ads: Vec<Owned> = ads.collect();
        let manifest = Manifest {
            version: version.into(),
            model_version: "words/1/test".into(),
            embedding_space: SPACE.into(),
            dimension: DIMENSION,
            rows: ads.len() as u64,
            created_at: DateTime::UNIX_EPOCH,
            recall_at_10: Some(1.0),
            bytes: 1000,
        };
        Self { manifest, ads, pause: Duration::ZERO }
    }

    /// Twelve ads, two of them the same.
    pub(crate) fn market(version: &str) -> Self {
        Self::new(
            version,
            &[
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
            ],
        )
    }

    pub(crate) fn in_another_space(mut self) -> Self {
        self.manifest.embedding_space = "sounds/2".into();
        self
    }
}

fn passes(ad: &Owned, filter: &Filter) -> bool {
    let is_one =
        |value: &str, of: &[String]| of.is_empty() || of.iter().any(|v| v.eq_ignore_ascii_case(value));
    is_one(&ad.source, &filter.source)
        && is_one(&ad.company, &filter.company)
        && is_one(&ad.classification, &filter.classification)
        && filter.location.is_empty()
        && filter.work_type.is_empty()
        && filter.posted_after.is_none_or(|after| after <= DateTime::UNIX_EPOCH)
        && filter.salary_min_sgd_per_month.is_none_or(|least| ad.salary.is_some_and(|s| s >= least))
}

impl MarketIndex for Brute {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn row_of(&self, source: &str, job_id: &str) -> Option<Row> {
        let row = self.ads.iter().position(|ad| ad.source == source && ad.job_id == job_id);
        row.map(|row| row as Row)
    }

    fn ad(&self, row: Row) -> Ad<'_> {
        let ad = &self.ads[row as usize];
        Ad {
            source: &ad.source,
            job_id: &ad.job_id,
            job_title: Some(&ad.title),
            company_name: Some(&ad.company),
            job_location: None,
            job_classification: Some(&ad.classification),
            job_work_type: None,
            currency: ad.salary.map(|_| "SGD"),
            job_url: Some("javascript:alert(1)"),
            salary_min_monthly: ad.salary,
            salary_max_monthly: ad.salary,
            posted: Some(DateTime::UNIX_EPOCH),
            point: [ad.vector[0], ad.vector[1]],
        }
    }

    fn same(&self, row: Row) -> Row {
        let title = &self.ads[row as usize].title;
        self.ads.iter().position(|ad| ad.title == *title).unwrap() as Row
    }

    fn vector(&self, row: Row) -> &[f32] {
        &self.ads[row as usize].vector
    }

    fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        assert_eq!(query.vector.len(), DIMENSION, "what the service let through");
        std::thread::sleep(self.pause);
        let not = query.not.map(|row| &self.ads[row as usize]);
        let mut hits: Vec<Hit> = Vec::new();
        for (row, ad) in self.ads.iter().enumerate() {
            let is_itself = query.not == Some(row as Row);
            let is_repost = not.is_some_and(|not| not.title == ad.title) && !query.include_reposts;
            let similarity = ad.vector.iter().zip(query.vector).map(|(a, b)| a * b).sum::<f32>();
            let is_near = query.min_similarity.is_none_or(|least| similarity >= least);
            if is_itself || is_repost || !is_near || !passes(ad, query.filter) {
                continue;
            }
            let same = |hit: &&mut Hit| self.ads[hit.row as usize].title == ad.title;
            match hits.iter_mut().find(same) {
                Some(hit) if !query.include_reposts => hit.reposts += 1,
                _ => hits.push(Hit { row: row as Row, similarity, reposts: 0 }),
            }
        }
        let worth = |hit: &Hit| {
            hit.similarity + query.words.map_or(0.0, |words| self.ads[hit.row as usize].share_of(words))
        };
        hits.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
        hits.truncate(query.top_k);
        hits
    }

    fn reasons_between(&self, a: Row, b: Row) -> Vec<Reason> {
        let (a, b) = (&self.ads[a as usize], &self.ads[b as usize]);
        let same = a.classification == b.classification;
        same.then(|| Reason::Classification(a.classification.clone())).into_iter().collect()
    }

    fn reasons_for_text(&self, text: &str, b: Row) -> Vec<Reason> {
        let words = self.ads[b as usize].title.split(' ').filter(|word| text.contains(word));
        let words: Vec<String> = words.map(str::to_owned).collect();
        if words.is_empty() { Vec::new() } else { vec![Reason::Terms(words)] }
    }

    fn find(&self, words: &str, after: usize, limit: usize) -> (Vec<Row>, bool) {
        let found = (0..self.ads.len()).filter(|row| self.ads[*row].title.contains(words));
        let mut rest = found.skip(after).map(|row| row as Row);
        let page = rest.by_ref().take(limit).collect();
        (page, rest.next().is_some())
    }

    fn facets(&self, column: Column) -> Vec<(String, u32)> {
        let count = |source: &str| self.ads.iter().filter(|ad| ad.source == source).count() as u32;
        match column {
            Column::Source => ["MCF", "JobHarbour"].map(|name| (name.to_owned(), count(name))).into(),
            _ => Vec::new(),
        }
    }

    fn sample(&self, n: usize) -> Vec<Row> {
        (0..self.ads.len().min(n)).map(|row| row as Row).collect()
    }
}

/// A store whose champion a test sets.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) champion: Mutex<Option<Arc<dyn MarketIndex>>>,
    pub(crate) failure: Mutex<Option<&'static str>>,
}

impl Store {
    pub(crate) fn with(index: Brute) -> Arc<Self> {
        let store = Arc::<Self>::default();
        store.publish(index);
        store
    }

    pub(crate) fn publish(&self, index: Brute) {
        *self.champion.lock().unwrap() = Some(Arc::new(index));
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
