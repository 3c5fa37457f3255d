//! Names and keywords of clusters, from the titles, descriptions and classifications of their ads.
//!
//! Terms are weighed by class-based TF-IDF in the form `p ln(p / q)`, with the shares `p` of the cluster's and `q` of all
//! ads that have the term.
//!
//! - `texts`: the terms of ads, with their numbers by cluster
//! - `candidates`: names that a cluster may have
//! - `distinct`: the choice among them, so that names share no main word

mod candidates;
mod distinct;
mod texts;

use serde::{Deserialize, Serialize};

use self::candidates::{Candidate, candidates};
use self::distinct::distinct;
use self::texts::{Texts, is_part};
use super::roles::written;
use crate::ads::Ad;

/// Keywords of a cluster.
const KEYWORDS: usize = 10;
/// Keywords that are roles, at most.
const ROLE_KEYWORDS: usize = 4;

/// Id, name and keywords of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Stays across trainings.
    pub id: u32,
    /// Unique among the clusters.
    pub name: String,
    /// The ten words and roles that distinguish its ads most; fewer if there are not as many.
    pub keywords: Vec<String>,
}

/// Ads with their clusters.
#[derive(Debug, Clone, Copy)]
pub struct NamedAds<'a> {
    /// The ads.
    pub ads: &'a [&'a Ad],
    /// Family of reposts of each: a family counts once in a cluster.
    pub families: &'a [u32],
    /// The cluster of each: an index below the number of names that are asked for.
    pub places: &'a [u32],
}

/// The names of the clusters with these ids. `kept` are names that clusters keep, by id.
pub fn labels(ads: &NamedAds<'_>, ids: &[u32], kept: &[(u32, String)]) -> Vec<Label> {
    let texts = Texts::of(ads, ids.len());
    let options = |(place, id): (usize, &u32)| match kept.iter().find(|(own, _)| own == id) {
        Some((_, name)) => vec![Candidate::of_words(name.clone(), 1.0)],
        None => candidates(&texts, place),
    };
    let names = distinct(&ids.iter().enumerate().map(options).collect::<Vec<_>>(), ids);
    let label =
        |(place, name): (usize, String)| Label { id: ids[place], name, keywords: keywords(&texts, place) };
    names.into_iter().enumerate().map(label).collect()
}

/// The roles and words that distinguish a cluster; a word of a role that is listed is not listed again.
fn keywords(texts: &Texts, place: usize) -> Vec<String> {
    let mut chosen: Vec<&str> = Vec::new();
    let (roles, words) = (texts.roles.weighty(place), texts.words.weighty(place));
    let roles = roles.iter().map(|role| (role.name, ROLE_KEYWORDS));
    for (term, most) in roles.chain(words.iter().map(|word| (word.name, KEYWORDS))) {
        let is_known = chosen.iter().any(|other| is_part(term, other) || is_part(other, term));
        if chosen.len() < most && !is_known {
            chosen.push(term);
        }
    }
    chosen.into_iter().map(written).collect()
}

#[cfg(test)]
mod tests;
