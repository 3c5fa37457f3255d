//! What ads of clusters say: roles, topics and words of their texts, and their classifications.

use common_core::fold::fold_name;
use common_core::job::first_chars;
use common_core::mask::mask_pay;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::NamedAds;
use crate::ads::Ad;
use crate::features::corpus::Counts;
use crate::features::grams::words;
use crate::models::cluster::roles::{ROLES, SILENT, VAGUE, singular};

/// Characters of a description that are read.
const DESCRIPTION_CHARS: usize = 1_500;
/// Ads that must have a term.
const MIN_ADS: u32 = 2;
/// Share of a cluster's ads that must have a term for it to describe them.
const MIN_SHARE: f64 = 0.02;
/// Share of a role's ads that must have a longer role for the longer one to stand for both; the same for topics, whose
/// words occur in more phrases.
const MOSTLY_ROLE: f64 = 0.8;
const MOSTLY_TOPIC: f64 = 0.7;

/// Terms of one kind, and how many ads of each cluster have them. Reposts in one cluster count once.
pub(super) struct Terms {
    /// `[ads, terms]` with the names of the columns.
    pub(super) counts: Counts,
    /// `[clusters, terms]`.
    pub(super) ads_with: Vec<Vec<u32>>,
    pub(super) total: Vec<u32>,
    /// Number of ads of each cluster in which a term could have been.
    pub(super) sizes: Vec<u32>,
    mostly: f64,
}

/// A term that distinguishes a cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighty<'a> {
    pub(super) weight: f64,
    pub(super) term: usize,
    pub(super) name: &'a str,
}

/// What names and keywords are made of.
pub(super) struct Texts {
    /// The cluster of each ad.
    pub(super) places: Vec<u32>,
    /// Words of titles that name a role, with the one or two words before them.
    pub(super) roles: Terms,
    /// Words that name a role and say little.
    pub(super) vague: Terms,
    /// Words of titles that name no role, and pairs of them.
    pub(super) topics: Terms,
    /// Classifications. Only ads that have one count.
    pub(super) classes: Terms,
    /// Words of titles and descriptions.
    pub(super) words: Terms,
}

/// `p ln(p / q)`, with the share `p` of the cluster's ads that have a term and the share `q` of all ads; 0 if others have
/// it as often.
pub(super) fn weight(own: u32, size: u32, all: u32, sizes: u32) -> f64 {
    let share = f64::from(own) / f64::from(size.max(1));
    let overall = f64::from(all) / f64::from(sizes.max(1));
    if share <= overall { 0.0 } else { share * (share / overall).ln() }
}

impl Terms {
    fn of(read: &[Vec<String>], places: &[u32], sizes: Vec<u32>, mostly: f64) -> Self {
        let visit = |row: usize, visit: &mut dyn FnMut(&str)| read[row].iter().for_each(|term| visit(term));
        let counts = Counts::of(read.len(), MIN_ADS, visit);
        let mut ads_with = vec![vec![0; counts.terms.len()]; sizes.len()];
        let mut total = vec![0; counts.terms.len()];
        for (row, place) in places.iter().enumerate() {
            for (term, _) in counts.matrix.row(row) {
                ads_with[*place as usize][term as usize] += 1;
                total[term as usize] += 1;
            }
        }
        Self { counts, ads_with, total, sizes, mostly }
    }

    /// The weight of a term in a cluster.
    pub(super) fn weight(&self, place: usize, term: usize) -> f64 {
        let (own, size) = (self.ads_with[place][term], self.sizes[place]);
        if f64::from(own) < MIN_SHARE * f64::from(size) {
            return 0.0;
        }
        weight(own, size, self.total[term], self.sizes.iter().sum())
    }

    /// The terms that distinguish a cluster, the weightiest first; ties in the order of the terms. "learning engineer" is
    /// left out where it mostly is "machine learning engineer".
    pub(super) fn weighty(&self, place: usize) -> Vec<Weighty<'_>> {
        let weigh = |term: usize| {
            let name = &*self.counts.terms[term];
            Weighty { weight: self.weight(place, term), term, name }
        };
        let mut weighty: Vec<Weighty<'_>> =
            (0..self.total.len()).map(weigh).filter(|one| one.weight > 0.0).collect();
        weighty.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.term.cmp(&b.term)));
        let ads = |one: &Weighty<'_>| f64::from(self.ads_with[place][one.term]);
        let longer: Vec<Weighty<'_>> =
            weighty.iter().filter(|one| self.mostly < 1.0 && one.name.contains(' ')).copied().collect();
        let is_of_longer = |one: &Weighty<'_>| {
            longer.iter().any(|other| {
                other.term != one.term
                    && is_part(one.name, other.name)
                    && ads(other) >= self.mostly * ads(one)
            })
        };
        weighty.retain(|one| !is_of_longer(one));
        weighty
    }
}

impl Texts {
    pub(super) fn of(ads: &NamedAds<'_>, clusters: usize) -> Self {
        let mut seen = FxHashSet::default();
        let rows: Vec<usize> =
            (0..ads.ads.len()).filter(|row| seen.insert((ads.families[*row], ads.places[*row]))).collect();
        let places: Vec<u32> = rows.iter().map(|row| ads.places[*row]).collect();
        let locations = Locations::of(ads.ads);
        let titles: Vec<Vec<String>> =
            rows.par_iter().map(|row| title_words(&ads.ads[*row].title, &locations)).collect();
        let texts: Vec<Vec<String>> = rows
            .par_iter()
            .zip(&titles)
            .map(|(row, title)| text_terms(title, &ads.ads[*row].description, &locations))
            .collect();
        let class =
            |row: &usize| Some(fold_name(&ads.ads[*row].classification)).filter(|name| !name.is_empty());
        let classes: Vec<Vec<String>> = rows.iter().map(|row| class(row).into_iter().collect()).collect();
        let sizes = |counts: &dyn Fn(usize) -> bool| {
            let mut sizes = vec![0; clusters];
            (0..rows.len()).filter(|at| counts(*at)).for_each(|at| sizes[places[at] as usize] += 1);
            sizes
        };
        let of_titles = |read: fn(&[String]) -> Vec<String>, mostly: f64| {
            let read: Vec<Vec<String>> = titles.iter().map(|title| read(title)).collect();
            Terms::of(&read, &places, sizes(&|_| true), mostly)
        };
        Self {
            roles: of_titles(roles_of, MOSTLY_ROLE),
            vague: of_titles(vague_roles_of, 1.0),
            topics: of_titles(topics_of, MOSTLY_TOPIC),
            classes: Terms::of(&classes, &places, sizes(&|at| !classes[at].is_empty()), 1.0),
            words: Terms::of(&texts, &places, sizes(&|_| true), 1.0),
            places,
        }
    }
}

/// Words that are places: those which ads have in their location more often than in their title.
struct Locations(FxHashSet<String>);

impl Locations {
    fn of(ads: &[&Ad]) -> Self {
        let mut counts: FxHashMap<String, i64> = FxHashMap::default();
        for ad in ads {
            for word in words(&ad.location) {
                *counts.entry(word).or_default() += 1;
            }
            for word in words(&ad.title) {
                *counts.entry(word).or_default() -= 1;
            }
        }
        Self(counts.into_iter().filter(|(_, more)| *more >= 0).map(|(word, _)| word).collect())
    }
}

/// Whether a word says something about the work.
fn is_telling(word: &str, locations: &Locations) -> bool {
    let is_number = word.chars().any(|letter| letter.is_ascii_digit());
    let is_short = word.chars().count() < 2;
    !is_number && !is_short && word != "paymasked" && !SILENT.contains(word) && !locations.0.contains(word)
}

/// The telling words of a title without its hashtags, roles in the singular.
fn title_words(title: &str, locations: &Locations) -> Vec<String> {
    let masked = mask_pay(title);
    let without_tags: Vec<&str> = masked.split_whitespace().filter(|part| !part.starts_with('#')).collect();
    let words = words(&without_tags.join(" ")).into_iter().filter(|word| is_telling(word, locations));
    words.map(|word| singular(&word).map_or(word, str::to_owned)).collect()
}

fn is_role(word: &str) -> bool {
    ROLES.contains(word)
}

fn roles_of(title: &[String]) -> Vec<String> {
    let is_enough = |word: &&String| is_role(word) && !VAGUE.contains(word.as_str());
    let mut roles: Vec<String> = title.iter().filter(is_enough).cloned().collect();
    for length in [2, 3] {
        // "data analyst consultant" is no third role.
        let ends = |part: &&[String]| {
            is_role(&part[length - 1]) && !part[..length - 1].iter().any(|word| is_role(word))
        };
        roles.extend(title.windows(length).filter(ends).map(|part| part.join(" ")));
    }
    roles
}

fn vague_roles_of(title: &[String]) -> Vec<String> {
    title.iter().filter(|word| VAGUE.contains(word.as_str())).cloned().collect()
}

fn topics_of(title: &[String]) -> Vec<String> {
    let mut topics: Vec<String> = title.iter().filter(|word| !is_role(word)).cloned().collect();
    let is_pair = |pair: &&[String]| !is_role(&pair[0]) && !is_role(&pair[1]) && pair[0] != pair[1];
    topics.extend(title.windows(2).filter(is_pair).map(|pair| pair.join(" ")));
    topics
}

/// The words of title and description, and the pairs of words of the title.
fn text_terms(title: &[String], description: &str, locations: &Locations) -> Vec<String> {
    let description = words(&mask_pay(first_chars(description, DESCRIPTION_CHARS)));
    let mut terms: Vec<String> = title.windows(2).map(|pair| pair.join(" ")).collect();
    terms.extend(title.iter().cloned());
    terms.extend(description.into_iter().filter(|word| is_telling(word, locations)));
    terms
}

/// Whether all words of `part` are words of `whole`.
pub(super) fn is_part(part: &str, whole: &str) -> bool {
    part.split(' ').all(|word| whole.split(' ').any(|other| other == word))
}
