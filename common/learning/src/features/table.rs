//! Ads as columns: what every feature is computed from, read once for all models and folds.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::corpus::Counts;
use super::grams::{character_grams, word_grams};
use super::keys::{company_key, location_parts};
use super::numeric::{NUMERIC, Words, extract_numerical_features};
use crate::ads::Ad;

/// The categories of an ad, in the order of [`AdTable::categories`].
pub const CATEGORIES: [&str; 7] =
    ["company", "location", "location_wide", "classification", "work_type", "source", "industry"];

/// Ads as columns. Texts have their stated pay masked.
#[derive(Debug, Default)]
pub struct AdTable {
    /// Number of ads.
    pub rows: usize,
    /// Hashes of the ads' keys, see [`key_hash`].
    pub keys: Vec<u64>,
    /// N-grams of one and two words of title and description.
    pub words: Counts,
    /// N-grams of one and two words of the title.
    pub title: Counts,
    /// Sequences of 2 to 5 characters of the title.
    pub characters: Counts,
    /// `[rows, NUMERIC]` f32, row-major; NaN is missing.
    pub numeric: Vec<f32>,
    /// The keys of each of [`CATEGORIES`], a column each; empty is missing.
    pub categories: Vec<Vec<String>>,
    /// `[rows, dimension]` f32, L2-normalised, of the texts without stated pay; empty if an ad has none.
    pub embeddings: Vec<f32>,
    /// Length of a vector; 0 without vectors.
    pub dimension: usize,
}

/// The first 8 bytes of the SHA-256 of `source/job_id`.
pub fn key_hash(ad: &Ad) -> u64 {
    let digest = Sha256::new().chain_update(&ad.source).chain_update("/").chain_update(&ad.job_id).finalize();
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

impl AdTable {
    /// Reads `ads`. N-grams that fewer than `min_texts` ads have are left out: 2 for training, 1 for prediction.
    ///
    /// Vectors are kept if every ad has one of the same length.
    pub fn new(ads: &[&Ad], min_texts: u32) -> Self {
        let read: Vec<Read> = ads.par_iter().map(|ad| Read::of(ad)).collect();
        let titles = |row: usize, visit: &mut dyn FnMut(&str)| word_grams(&read[row].title, visit);
        let characters = |row: usize, visit: &mut dyn FnMut(&str)| character_grams(&read[row].title, visit);
        let texts = |row: usize, visit: &mut dyn FnMut(&str)| word_grams(&read[row].text, visit);
        let dimension = ads.first().map_or(0, |ad| ad.salary_embedding().len());
        let dimension =
            if ads.iter().all(|ad| ad.salary_embedding().len() == dimension) { dimension } else { 0 };
        let mut table = Self {
            rows: ads.len(),
            keys: ads.iter().map(|ad| key_hash(ad)).collect(),
            words: Counts::of(ads.len(), min_texts, texts),
            title: Counts::of(ads.len(), min_texts, titles),
            characters: Counts::of(ads.len(), min_texts, characters),
            numeric: Vec::with_capacity(ads.len() * NUMERIC.len()),
            categories: vec![Vec::with_capacity(ads.len()); CATEGORIES.len()],
            embeddings: Vec::with_capacity(ads.len() * dimension),
            dimension,
        };
        for (ad, read) in ads.iter().zip(read) {
            table.numeric.extend(read.numeric);
            for (column, value) in table.categories.iter_mut().zip(read.categories) {
                column.push(value);
            }
            if dimension > 0 {
                table.embeddings.extend_from_slice(ad.salary_embedding());
            }
        }
        table
    }

    /// Removes the vectors, for a model that reads none.
    pub fn forget_vectors(&mut self) {
        self.dimension = 0;
        self.embeddings.clear();
    }

    /// The keys of one of [`CATEGORIES`].
    pub fn category(&self, name: &str) -> &[String] {
        CATEGORIES.iter().position(|known| *known == name).map_or(&[], |at| &self.categories[at])
    }

    /// The vector of an ad; empty if the table has none.
    pub fn embedding(&self, row: usize) -> &[f32] {
        &self.embeddings[row * self.dimension..][..self.dimension]
    }
}

/// What is read from one ad.
struct Read {
    title: Vec<String>,
    /// Words of title and description.
    text: Vec<String>,
    numeric: Vec<f32>,
    categories: [String; CATEGORIES.len()],
}

impl Read {
    fn of(ad: &Ad) -> Self {
        let words = Words::of(ad);
        let numeric = extract_numerical_features(ad, &words);
        let Words { title, description, work_type } = words;
        let (narrow, wide) = location_parts(&ad.location);
        let key = common_core::fold::fold_name;
        let categories = [
            company_key(&ad.company_name).unwrap_or_default(),
            narrow,
            wide,
            key(&ad.classification),
            work_type.join(" "),
            key(&ad.source),
            key(&ad.company_industry),
        ];
        let text = title.iter().cloned().chain(description).collect();
        Self { title, text, numeric, categories }
    }
}
