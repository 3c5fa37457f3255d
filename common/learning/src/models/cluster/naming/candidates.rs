//! Names that a cluster may have, with a score each.
//!
//! A name is made of up to three terms of one kind: roles ("Data and business analysts"), topics ("Machine learning and
//! Python") or classifications ("Healthcare and nursing"). Its score is the `p ln(p / q)` of the ads that have any of its
//! terms. A term is added if enough ads have it that have none of the others.

use super::distinct::{words_clash, words_of};
use super::texts::{Terms, Texts, Weighty, is_part, weight};
use crate::models::cluster::roles::{VAGUE, capitalised, class_parts, listed, plural, role_phrase, written};

/// Terms of a kind that are combined.
const TERMS: usize = 12;
/// Share of a cluster's ads that must have a term for it to be in the name.
const MIN_SHARE: f64 = 0.03;
/// Terms of a name.
const MOST_TERMS: usize = 3;
/// Share of the ads with the most frequent term of a name that each further one must add.
const ADDED: f64 = 0.3;
/// Share of a cluster's ads from which the ads of two terms need no third.
const ENOUGH: f64 = 0.4;
/// How much larger the score of a longer name must be.
const GAIN: f64 = 1.1;
/// A topic is not a name if this share of its ads have the same role: the role is the better name. For example, most ads
/// with the topic "business" are for business analysts.
const OF_ROLE: f64 = 0.6;
/// Share of a cluster's classified ads that the classifications of a name must have, and share of the ads of each that must
/// be in the cluster.
const DOMINANT: f64 = 0.5;
const SHARE_OF_CLASS: f64 = 0.25;
/// Share of a cluster's titles that name a role which says little by itself, such as "consultant", for it to be the name.
const MIN_VAGUE: f64 = 0.15;
/// Factors of the scores. Roles say more than topics do, unless they are vague, such as managers.
const OF_CLASS: f64 = 2.0;
const OF_CLASSES: f64 = 1.2;
const OF_ROLES: f64 = 2.0;
const OF_VAGUE_ROLES: f64 = 1.4;
const OF_VAGUE_ALONE: f64 = 0.3;
const OF_TOPIC_ALONE: f64 = 0.7;
/// Score of names that do not distinguish the cluster.
const LAST: f64 = 1e-4;
/// Names of a cluster that are kept.
const MOST_NAMES: usize = 16;

/// A name that a cluster may have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) name: String,
    /// How well it tells the cluster from the others.
    pub(super) score: f64,
    /// The roles that it is made of, in the singular.
    pub(super) roles: Vec<String>,
    /// The words that it is made of otherwise.
    pub(super) words: Vec<String>,
}

impl Candidate {
    /// A name of roles.
    pub(super) fn of_roles(name: String, roles: &[&str], score: f64) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Self { name, score, roles, words: Vec::new() }
    }

    /// Any other name.
    pub(super) fn of_words(name: String, score: f64) -> Self {
        let words = words_of(&name);
        Self { name, score, roles: Vec::new(), words }
    }
}

/// Names for a cluster, the best first.
pub(super) fn candidates(texts: &Texts, place: usize) -> Vec<Candidate> {
    let mut found = of_classes(texts, place);
    let mut roles = Combined::of(&texts.roles, &texts.places, place);
    roles.are_roles = true;
    found.extend(roles.names(&|terms| {
        let is_vague = |term: &&str| VAGUE.contains(term.rsplit(' ').next().unwrap_or(term));
        let factor = if terms.iter().all(is_vague) { OF_VAGUE_ROLES } else { OF_ROLES };
        Some((role_phrase(terms)?, factor))
    }));
    found.extend(of_vague_role(texts, place));
    let topics = Combined::of(&texts.topics, &texts.places, place);
    found.extend(topics.names(&|terms| {
        let topics: Vec<String> = terms.iter().map(|term| written(term)).collect();
        let clash = (1..terms.len()).any(|at| (0..at).any(|other| words_clash(terms[at], terms[other])));
        let is_of_role = terms.len() == 1 && is_mostly_of_role(texts, place, terms[0]);
        let factor = if terms.len() == 1 { OF_TOPIC_ALONE } else { 1.0 };
        (!clash && !is_of_role).then(|| (listed(&topics), factor))
    }));
    found.extend(last_resorts(texts, place));
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::new();
    for mut candidate in found {
        candidate.name = capitalised(&candidate.name);
        if kept.len() < MOST_NAMES && kept.iter().all(|other| other.name != candidate.name) {
            kept.push(candidate);
        }
    }
    kept
}

/// Classifications that no other cluster has as much of, if they have most ads of this one.
fn of_classes(texts: &Texts, place: usize) -> Vec<Candidate> {
    let classes = &texts.classes;
    let own = |term: usize| classes.weight(place, term);
    let is_most = |term: usize| {
        let (here, all) = (classes.ads_with[place][term], classes.total[term]);
        let is_here = f64::from(here) >= SHARE_OF_CLASS * f64::from(all);
        is_here
            && (0..classes.sizes.len()).all(|other| other == place || classes.weight(other, term) < own(term))
    };
    let all = texts.places.iter().filter(|other| **other as usize == place).count();
    if 2 * (classes.sizes[place] as usize) < all {
        return Vec::new();
    }
    let mut combined = Combined::of(classes, &texts.places, place);
    combined.terms.retain(|term| is_most(term.column));
    let size = f64::from(classes.sizes[place]);
    combined.names_of(
        &|terms| {
            let parts: Vec<Vec<String>> = terms.iter().map(|term| class_parts(term)).collect();
            let (each, factor) = if terms.len() == 1 { (2, OF_CLASS) } else { (1, OF_CLASSES) };
            let parts: Vec<String> =
                parts.into_iter().flat_map(|parts| parts.into_iter().take(each)).collect();
            (!parts.is_empty()).then(|| (listed(&parts), factor))
        },
        &|covered| f64::from(covered) >= DOMINANT * size,
    )
}

/// The plural of a role that says little, if many titles of the cluster name it.
fn of_vague_role(texts: &Texts, place: usize) -> Option<Candidate> {
    let Weighty { weight, term, name } = *texts.vague.weighty(place).first()?;
    let share = f64::from(texts.vague.ads_with[place][term]) / f64::from(texts.vague.sizes[place].max(1));
    (share >= MIN_VAGUE).then(|| Candidate::of_roles(plural(name), &[name], OF_VAGUE_ALONE * weight))
}

/// Whether most ads of a cluster that have a topic have it as a part of one role.
fn is_mostly_of_role(texts: &Texts, place: usize, topic: &str) -> bool {
    let Ok(term) = texts.topics.counts.terms.binary_search_by(|other| (**other).cmp(topic)) else {
        return false;
    };
    let least = OF_ROLE * f64::from(texts.topics.ads_with[place][term]);
    let roles = texts.roles.counts.terms.iter().zip(&texts.roles.ads_with[place]);
    roles.into_iter().any(|(role, ads)| f64::from(*ads) >= least && is_part(topic, role))
}

/// Names from what is most frequent in a cluster, for one that nothing distinguishes.
fn last_resorts(texts: &Texts, place: usize) -> Vec<Candidate> {
    let frequent = |terms: &Terms, phrase: &dyn Fn(&str) -> Option<String>, score: f64| {
        let most = (0..terms.total.len()).rev().max_by_key(|term| terms.ads_with[place][*term])?;
        let is_there = terms.ads_with[place][most] > 0;
        let name = if is_there { phrase(&terms.counts.terms[most]) } else { None };
        Some(Candidate::of_words(name?, score))
    };
    let class = |name: &str| {
        let parts: Vec<String> = class_parts(name).into_iter().take(2).collect();
        (!parts.is_empty()).then(|| listed(&parts))
    };
    let names = [
        frequent(&texts.roles, &|role| role_phrase(&[role]), LAST),
        frequent(&texts.classes, &class, LAST / 2.0),
        frequent(&texts.topics, &|topic| Some(written(topic)), LAST / 4.0),
    ];
    names.into_iter().flatten().collect()
}

/// Ads as bits.
type Ads = Vec<u64>;

/// The terms of one kind that are combined to names.
struct Combined<'a> {
    terms: Vec<Term<'a>>,
    /// The ads of the cluster.
    own: Ads,
    size: u32,
    sizes: u32,
    are_roles: bool,
}

struct Term<'a> {
    column: usize,
    name: &'a str,
    ads: Ads,
    /// Number of ads of the cluster that have it.
    count: u32,
}

/// The phrase of terms with the factor of its score; `None` if they make no name.
type Phrase<'a> = &'a dyn Fn(&[&str]) -> Option<(String, f64)>;

impl<'a> Combined<'a> {
    fn of(terms: &'a Terms, places: &[u32], place: usize) -> Self {
        let blank = vec![0u64; places.len().div_ceil(64)];
        let mut own = blank.clone();
        let size = terms.sizes[place];
        let is_frequent =
            |one: &Weighty<'_>| f64::from(terms.ads_with[place][one.term]) >= MIN_SHARE * f64::from(size);
        let weighty = terms.weighty(place).into_iter().filter(is_frequent).take(TERMS);
        let mut combined: Vec<Term<'_>> = weighty
            .map(|Weighty { term, name, .. }| Term {
                column: term,
                name,
                ads: blank.clone(),
                count: terms.ads_with[place][term],
            })
            .collect();
        for (row, other) in places.iter().enumerate() {
            let bit = 1 << (row % 64);
            if *other as usize == place {
                own[row / 64] |= bit;
            }
            for (term, _) in terms.counts.matrix.row(row) {
                if let Some(one) = combined.iter_mut().find(|one| one.column == term as usize) {
                    one.ads[row / 64] |= bit;
                }
            }
        }
        Self { terms: combined, own, size, sizes: terms.sizes.iter().sum(), are_roles: false }
    }

    fn names(&self, phrase: Phrase<'_>) -> Vec<Candidate> {
        self.names_of(phrase, &|_| true)
    }

    /// The names of terms and of their combinations whose ads of the cluster, by number, are `enough`.
    fn names_of(&self, phrase: Phrase<'_>, enough: &dyn Fn(u32) -> bool) -> Vec<Candidate> {
        let mut found = Vec::new();
        for first in 0..self.terms.len() {
            self.extend(&[first], &self.terms[first].ads, phrase, enough, &mut found);
        }
        found
    }

    /// The ads of the cluster among `ads`.
    fn count(&self, ads: &Ads) -> u32 {
        ads.iter().zip(&self.own).map(|(ads, own)| (ads & own).count_ones()).sum()
    }

    fn score(&self, ads: &Ads) -> f64 {
        let all = ads.iter().map(|ads| ads.count_ones()).sum();
        weight(self.count(ads), self.size, all, self.sizes)
    }

    /// Adds the name of the chosen terms, the most frequent first, and those with one or two more. `covered` are the ads
    /// that have any of them.
    fn extend(
        &self,
        chosen: &[usize],
        covered: &Ads,
        phrase: Phrase<'_>,
        enough: &dyn Fn(u32) -> bool,
        found: &mut Vec<Candidate>,
    ) {
        let names: Vec<&str> = chosen.iter().map(|at| self.terms[*at].name).collect();
        let Some((name, factor)) = phrase(&names) else { return };
        let (score, count) = (self.score(covered), self.count(covered));
        if enough(count) {
            let score = factor * score;
            found.push(if self.are_roles {
                Candidate::of_roles(name, &names, score)
            } else {
                Candidate::of_words(name, score)
            });
        }
        let is_enough = chosen.len() > 1 && f64::from(count) >= ENOUGH * f64::from(self.size);
        if is_enough || chosen.len() == MOST_TERMS {
            return;
        }
        let least = ADDED * f64::from(self.terms[chosen[0]].count);
        let rarest = self.terms[chosen[chosen.len() - 1]].count;
        for (at, term) in self.terms.iter().enumerate() {
            let is_known = names.iter().any(|name| is_part(name, term.name) || is_part(term.name, name));
            if is_known || (term.count, chosen[chosen.len() - 1]) > (rarest, at) {
                continue;
            }
            let with: Ads = covered.iter().zip(&term.ads).map(|(a, b)| a | b).collect();
            let added = f64::from(self.count(&with) - count);
            if added >= least && self.score(&with) >= GAIN * score {
                self.extend(&[chosen, &[at]].concat(), &with, phrase, enough, found);
            }
        }
    }
}
