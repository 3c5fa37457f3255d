//! Names and keywords of clusters, from the titles, descriptions and classifications of their ads.
//!
//! A name is the classification, where one cluster has most of it and little else; otherwise the one or two roles that
//! titles of the cluster name more often than others: "Data and business analysts". Words are weighed by class-based
//! TF-IDF in the form `p ln(p / q)`, with the shares `p` of the cluster's and `q` of all ads that have the word.

use common_core::fold::fold_name;
use common_core::job::first_chars;
use common_core::mask::mask_pay;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::roles::{ROLES, SILENT, VAGUE, capitalised, class_phrase, plural, singular, written};
use crate::ads::Ad;
use crate::features::corpus::Counts;
use crate::features::grams::words;

/// Characters of a description that are read.
const DESCRIPTION_CHARS: usize = 1_500;
/// Ads that must have a word.
const MIN_ADS: u32 = 2;
/// Share of a cluster's ads that must have a word for it to describe them.
const MIN_SHARE: f64 = 0.02;
/// Share of a cluster's titles that name one of its two roles; below that its classifications name it.
const MIN_NAMED: f64 = 0.08;
/// Share of a cluster's titles that name a role which says little by itself, such as "consultant", for it to be the name.
const MIN_VAGUE: f64 = 0.15;
/// Weight of the second role, as a share of the first one's.
const SECOND: f64 = 0.2;
/// Share of a cluster's ads that must be of one classification, and share of the classification's ads that must be in the
/// cluster, for it to be the name.
const DOMINANT: f64 = 0.6;
const MOST_OF_CLASS: f64 = 0.4;
/// Share of a role's ads that must have a longer role for the longer one to stand for both.
const MOSTLY: f64 = 0.8;
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
    let kept_name = |id: &u32| kept.iter().find(|(own, _)| own == id).map(|(_, name)| name.clone());
    let mut used: FxHashSet<String> = ids.iter().filter_map(kept_name).collect();
    let mut named = Vec::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        let name = kept_name(id).unwrap_or_else(|| {
            let name = texts.candidates(place).into_iter().find(|name| !used.contains(name));
            let name = name.unwrap_or_else(|| format!("Other ads {}", id + 1));
            used.insert(name.clone());
            name
        });
        named.push(Label { id: *id, name, keywords: texts.keywords(place) });
    }
    named
}

/// How many ads of each cluster have each term.
struct Terms {
    counts: Counts,
    /// `[clusters, terms]`.
    ads_with: Vec<Vec<u32>>,
    total: Vec<u32>,
}

/// What names are made of.
struct Texts {
    /// Number of ads of each cluster, reposts once.
    sizes: Vec<u32>,
    places: Vec<u32>,
    roles: Terms,
    vague: Terms,
    words: Terms,
    /// Number of ads of each cluster by classification.
    classes: Vec<FxHashMap<String, u32>>,
}

impl Terms {
    fn of(read: &[Vec<String>], places: &[u32], clusters: usize) -> Self {
        let visit = |row: usize, visit: &mut dyn FnMut(&str)| read[row].iter().for_each(|term| visit(term));
        let counts = Counts::of(read.len(), MIN_ADS, visit);
        let mut ads_with = vec![vec![0; counts.terms.len()]; clusters];
        let mut total = vec![0; counts.terms.len()];
        for (row, place) in places.iter().enumerate() {
            for (term, _) in counts.matrix.row(row) {
                ads_with[*place as usize][term as usize] += 1;
                total[term as usize] += 1;
            }
        }
        Self { counts, ads_with, total }
    }
}

impl Texts {
    fn of(ads: &NamedAds<'_>, clusters: usize) -> Self {
        let mut seen = FxHashSet::default();
        let rows: Vec<usize> =
            (0..ads.ads.len()).filter(|row| seen.insert((ads.families[*row], ads.places[*row]))).collect();
        let places: Vec<u32> = rows.iter().map(|row| ads.places[*row]).collect();
        let locations = Locations::of(ads.ads);
        let titles: Vec<Vec<String>> =
            rows.par_iter().map(|row| title_words(&ads.ads[*row].title, &locations)).collect();
        let roles: Vec<Vec<String>> = titles.iter().map(|title| roles_of(title)).collect();
        let vague: Vec<Vec<String>> = titles.iter().map(|title| vague_roles_of(title)).collect();
        let texts: Vec<Vec<String>> = rows
            .par_iter()
            .zip(&titles)
            .map(|(row, title)| text_terms(title, &ads.ads[*row].description, &locations))
            .collect();
        let mut sizes = vec![0; clusters];
        let mut classes = vec![FxHashMap::default(); clusters];
        for (row, place) in rows.iter().zip(&places) {
            sizes[*place as usize] += 1;
            let class = fold_name(&ads.ads[*row].classification);
            if !class.is_empty() {
                *classes[*place as usize].entry(class).or_default() += 1;
            }
        }
        Self {
            roles: Terms::of(&roles, &places, clusters),
            vague: Terms::of(&vague, &places, clusters),
            words: Terms::of(&texts, &places, clusters),
            sizes,
            places,
            classes,
        }
    }

    /// `p ln(p / q)` of a term that `ads` of the cluster have; 0 if others have it as often.
    fn weight(&self, place: usize, ads: u32, total: u32) -> f64 {
        let all: u32 = self.sizes.iter().sum();
        let share = f64::from(ads) / f64::from(self.sizes[place].max(1));
        let overall = f64::from(total) / f64::from(all.max(1));
        if share < MIN_SHARE || share <= overall { 0.0 } else { share * (share / overall).ln() }
    }

    /// The terms that distinguish a cluster, the weightiest first; ties in the order of the terms.
    fn weighty<'a>(&self, terms: &'a Terms, place: usize) -> Vec<(f64, usize, &'a str)> {
        let weigh = |term: usize| {
            let weight = self.weight(place, terms.ads_with[place][term], terms.total[term]);
            (weight, term, &*terms.counts.terms[term])
        };
        let mut weighty: Vec<_> =
            (0..terms.total.len()).map(weigh).filter(|(weight, ..)| *weight > 0.0).collect();
        weighty.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        weighty
    }

    /// The roles that distinguish a cluster. "learning engineer" is left out where it mostly is "machine learning engineer".
    fn weighty_roles(&self, place: usize) -> Vec<(f64, usize, &str)> {
        let weighty = self.weighty(&self.roles, place);
        let ads = |term: usize| f64::from(self.roles.ads_with[place][term]);
        let is_longer = |(_, term, name): &(f64, usize, &str), part: usize, part_name: &str| {
            *term != part && is_part(part_name, name) && ads(*term) >= MOSTLY * ads(part)
        };
        let stays = |one: &&(f64, usize, &str)| !weighty.iter().any(|other| is_longer(other, one.1, one.2));
        weighty.iter().filter(stays).copied().collect()
    }

    /// Names for a cluster, the best first.
    fn candidates(&self, place: usize) -> Vec<String> {
        let roles = self.name_of_roles(place);
        let classes = self.name_of_classes(place);
        let mut names = Vec::new();
        names.extend(self.dominant_class(place));
        let (many, few): (Vec<_>, Vec<_>) = roles.into_iter().partition(|(named, _)| *named >= MIN_NAMED);
        let class = self.classes_of(place).first().and_then(|(class, _)| class_phrase(class));
        let with_class: Vec<String> =
            many.iter().filter_map(|(_, name)| Some(format!("{name} ({})", class.as_deref()?))).collect();
        names.extend(many.into_iter().map(|(_, name)| name));
        names.extend(self.name_of_vague_role(place));
        names.extend(with_class);
        names.extend(classes);
        names.extend(few.into_iter().map(|(_, name)| name));
        let keywords: Vec<String> = self.keywords(place).into_iter().take(2).collect();
        if !keywords.is_empty() {
            names.push(capitalised(&keywords.join(" and ")));
        }
        names.push("Other ads".to_owned());
        names
    }

    /// Names of one or two roles, and the share of the cluster's titles that have one of them. The second role is chosen
    /// among the titles without the first.
    fn name_of_roles(&self, place: usize) -> Vec<(f64, String)> {
        let weighty = self.weighty_roles(place);
        let size = f64::from(self.sizes[place].max(1));
        let mut names = Vec::new();
        for (weight, first, first_name) in weighty.iter().take(3) {
            let mut without = vec![0u32; self.roles.total.len()];
            for row in (0..self.places.len()).filter(|row| self.places[*row] as usize == place) {
                let has =
                    |term: usize| self.roles.counts.matrix.row(row).any(|(own, _)| own as usize == term);
                if !has(*first) {
                    self.roles.counts.matrix.row(row).for_each(|(term, _)| without[term as usize] += 1);
                }
            }
            let of_first = self.roles.ads_with[place][*first];
            let second = weighty
                .iter()
                .filter(|(_, term, name)| term != first && !is_part(first_name, name))
                .map(|(_, term, name)| {
                    (self.weight(place, without[*term], self.roles.total[*term]), *term, *name)
                })
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
                .filter(|second| second.0 >= SECOND * weight);
            if let Some((_, second, second_name)) = second {
                let share = f64::from(of_first + without[second]) / size;
                names.push((share, joined(first_name, second_name)));
            }
            names.push((f64::from(of_first) / size, capitalised(&plural_phrase(first_name))));
        }
        names
    }

    /// The plural of a role that says little, if many titles of the cluster name it.
    fn name_of_vague_role(&self, place: usize) -> Option<String> {
        let (_, role, name) = *self.weighty(&self.vague, place).first()?;
        let share = f64::from(self.vague.ads_with[place][role]) / f64::from(self.sizes[place].max(1));
        (share >= MIN_VAGUE).then(|| capitalised(&plural(name)))
    }

    /// The classifications of a cluster with their numbers of ads, the most frequent first.
    fn classes_of(&self, place: usize) -> Vec<(&str, u32)> {
        let mut classes: Vec<(&str, u32)> =
            self.classes[place].iter().map(|(class, ads)| (class.as_str(), *ads)).collect();
        classes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        classes
    }

    /// The classification that most ads of this cluster have, and most ads of no other.
    fn dominant_class(&self, place: usize) -> Option<String> {
        let (class, ads) = *self.classes_of(place).first()?;
        let of_class: u32 = self.classes.iter().filter_map(|counts| counts.get(class)).sum();
        let leads = |cluster: usize| {
            let classed: u32 = self.classes[cluster].values().sum();
            let own = self.classes[cluster].get(class).copied().unwrap_or_default();
            f64::from(own) >= DOMINANT * f64::from(classed) && 2 * classed >= self.sizes[cluster] && own > 0
        };
        let leads_alone = (0..self.sizes.len()).all(|cluster| leads(cluster) == (cluster == place));
        let is_dominant = leads_alone && f64::from(ads) >= MOST_OF_CLASS * f64::from(of_class);
        if is_dominant { class_phrase(class) } else { None }
    }

    fn name_of_classes(&self, place: usize) -> Option<String> {
        let phrases: Vec<String> =
            self.classes_of(place).iter().filter_map(|(class, _)| class_phrase(class)).take(2).collect();
        match phrases.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            [one, other, ..] => Some(format!("{one}; {}", lower_first(other))),
        }
    }

    /// The roles and words that distinguish a cluster; a word of a role that is listed is not listed again.
    fn keywords(&self, place: usize) -> Vec<String> {
        let mut chosen: Vec<&str> = Vec::new();
        let roles = self.weighty_roles(place);
        let words = self.weighty(&self.words, place);
        let roles = roles.iter().map(|(_, _, term)| (*term, ROLE_KEYWORDS));
        for (term, most) in roles.chain(words.iter().map(|(_, _, term)| (*term, KEYWORDS))) {
            let is_known = chosen.iter().any(|other| is_part(term, other) || is_part(other, term));
            if chosen.len() < most && !is_known {
                chosen.push(term);
            }
        }
        chosen.into_iter().map(written).collect()
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

/// The telling words of a title, roles in the singular.
fn title_words(title: &str, locations: &Locations) -> Vec<String> {
    let telling = words(&mask_pay(title)).into_iter().filter(|word| is_telling(word, locations));
    telling.map(|word| singular(&word).map_or(word, str::to_owned)).collect()
}

/// The roles of a title: a word that names one, with the one or two words before it.
fn roles_of(title: &[String]) -> Vec<String> {
    let is_role = |word: &String| ROLES.contains(word.as_str());
    let is_enough = |word: &&String| is_role(word) && !VAGUE.contains(word.as_str());
    let mut roles: Vec<String> = title.iter().filter(is_enough).cloned().collect();
    for length in [2, 3] {
        // "data analyst consultant" is no third role.
        let ends = |part: &&[String]| is_role(&part[length - 1]) && !part[..length - 1].iter().any(is_role);
        roles.extend(title.windows(length).filter(ends).map(|part| part.join(" ")));
    }
    roles
}

/// The roles of a title that say little by themselves.
fn vague_roles_of(title: &[String]) -> Vec<String> {
    title.iter().filter(|word| VAGUE.contains(word.as_str())).cloned().collect()
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
fn is_part(part: &str, whole: &str) -> bool {
    part.split(' ').all(|word| whole.split(' ').any(|other| other == word))
}

/// A role of one or two words in the plural.
fn plural_phrase(role: &str) -> String {
    match role.rsplit_once(' ') {
        Some((before, last)) => format!("{} {}", written(before), plural(last)),
        None => plural(role),
    }
}

/// Two roles as one name: what they share is said once.
fn joined(one: &str, other: &str) -> String {
    let name = match (one.rsplit_once(' '), other.rsplit_once(' ')) {
        (Some((a, same)), Some((b, last))) if same == last => {
            format!("{} and {} {}", written(a), written(b), plural(same))
        }
        (Some((same, a)), Some((first, b))) if same == first => {
            format!("{} {} and {}", written(same), plural(a), plural(b))
        }
        _ => format!("{} and {}", plural_phrase(one), plural_phrase(other)),
    };
    capitalised(&name)
}

/// The phrase without a capital at its beginning, unless it begins with an abbreviation.
fn lower_first(phrase: &str) -> String {
    let mut letters = phrase.chars();
    match (letters.next(), phrase.chars().nth(1)) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(letters).collect(),
        _ => phrase.to_owned(),
    }
}

#[cfg(test)]
mod tests;
