//! Names of clusters that share no main word.

use super::candidates::Candidate;
use crate::features::grams::words;
use crate::models::cluster::roles::singular;

/// Choices of names that are compared at once.
const COMPARED: usize = 300;
/// What a name loses that has a word or a role of another name, in units of the logarithm of its score.
const CLASH: f64 = 5.0;
/// What two roles lose that are the same with another word before: "data analysts" and "business analysts".
const SAME_KIND: f64 = 1.5;
/// What two roles lose that have the same word before: "data analysts" and "data engineers".
const SAME_FIELD: f64 = 0.3;
/// The same for a name that says nothing.
const NOTHING: f64 = 20.0;
/// Letters at the beginning of words that are of one stem, and the number of letters that may follow in the shorter one.
const STEM: usize = 4;
const ENDING: usize = 3;

/// One name for each cluster.
struct Chosen<'a> {
    /// Sum of the logarithms of the scores, each divided by the best of its cluster, less what shared words lose.
    total: f64,
    names: Vec<&'a Candidate>,
}

/// A name for each cluster out of its candidates, which are sorted by their scores: names differ, share no main word if
/// possible, and are as good as that allows. `ids` number the clusters that nothing describes.
pub(super) fn distinct(candidates: &[Vec<Candidate>], ids: &[u32]) -> Vec<String> {
    let nothing = |name: String| Candidate { name, score: 0.0, roles: Vec::new(), words: Vec::new() };
    let other = nothing("Other ads".to_owned());
    let numbered: Vec<Candidate> = ids.iter().map(|id| nothing(format!("Other ads {}", id + 1))).collect();
    let mut compared = vec![Chosen { total: 0.0, names: Vec::new() }];
    for (own, numbered) in candidates.iter().zip(&numbered) {
        let best = own.first().map_or(1.0, |best| best.score);
        let mut options: Vec<(&Candidate, f64)> =
            own.iter().map(|one| (one, (one.score / best).ln())).collect();
        options.extend([(&other, -NOTHING), (numbered, -2.0 * NOTHING)]);
        let mut next: Vec<Chosen<'_>> = Vec::new();
        for chosen in &compared {
            for (option, loss) in &options {
                if chosen.names.iter().all(|other| other.name != option.name) {
                    let shared = chosen.names.iter().map(|other| lost(option, other)).fold(0.0, f64::max);
                    let names = [&chosen.names[..], &[*option]].concat();
                    next.push(Chosen { total: chosen.total + loss - shared, names });
                }
            }
        }
        next.sort_by(|a, b| b.total.total_cmp(&a.total));
        next.truncate(COMPARED);
        compared = next;
    }
    let best = compared.into_iter().next();
    best.map(|chosen| chosen.names.into_iter().map(|one| one.name.clone()).collect()).unwrap_or_default()
}

/// What two names lose by the words that they share.
fn lost(one: &Candidate, other: &Candidate) -> f64 {
    let is_in = |words: &[String], name: &Candidate| {
        let all = name.words.iter().chain(&name.roles);
        all.into_iter().any(|phrase| words.iter().any(|word| words_clash(word, phrase)))
    };
    if is_in(&one.words, other) || is_in(&other.words, one) {
        return CLASH;
    }
    let pairs = one.roles.iter().flat_map(|role| other.roles.iter().map(move |also| (role, also)));
    pairs.map(|(role, also)| lost_by_roles(role, also)).fold(0.0, f64::max)
}

fn lost_by_roles(one: &str, other: &str) -> f64 {
    let split = |role| -> (&str, &str) { str::rsplit_once(role, ' ').unwrap_or(("", role)) };
    let ((before, last), (before_other, last_other)) = (split(one), split(other));
    if one == other || (last == last_other && (before.is_empty() || before_other.is_empty())) {
        CLASH
    } else if is_stem(last, last_other) {
        SAME_KIND
    } else if words_clash(one, other) {
        SAME_FIELD
    } else {
        0.0
    }
}

/// Whether a word of one phrase is of the stem of a word of the other.
pub(super) fn words_clash(one: &str, other: &str) -> bool {
    one.split(' ').any(|word| other.split(' ').any(|also| is_stem(word, also)))
}

/// The words of a name, roles in the singular.
pub(super) fn words_of(name: &str) -> Vec<String> {
    let words = words(name).into_iter().filter(|word| word != "and");
    words.map(|word| singular(&word).map_or(word, str::to_owned)).collect()
}

/// Whether two words are of one stem, such as "analyst" and "analytics".
fn is_stem(one: &str, other: &str) -> bool {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let shorter = one.chars().count().min(other.chars().count());
    one == other || (same >= STEM && same + ENDING >= shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(candidates: &[&[(&str, f64)]]) -> Vec<String> {
        let candidate = |(name, score): &(&str, f64)| Candidate::of_words((*name).to_owned(), *score);
        let candidates: Vec<Vec<Candidate>> =
            candidates.iter().map(|own| own.iter().map(candidate).collect()).collect();
        distinct(&candidates, &(0..candidates.len() as u32).collect::<Vec<_>>())
    }

    #[test]
    fn the_cluster_that_loses_less_takes_the_other_name() {
        let one: &[(&str, f64)] = &[("Data scientists", 0.6), ("Projects", 0.02)];
        let other: &[(&str, f64)] = &[("Data scientists and developers", 1.2), ("Machine learning", 1.0)];
        assert_eq!(chosen(&[one, other]), ["Data scientists", "Machine learning"]);
        assert_eq!(chosen(&[other, one]), ["Machine learning", "Data scientists"]);
    }

    #[test]
    fn equal_names_are_never_chosen_and_equal_words_only_in_need() {
        let cooks: &[(&str, f64)] = &[("Cooks", 1.0)];
        assert_eq!(chosen(&[cooks, cooks, cooks]), ["Cooks", "Other ads", "Other ads 3"]);
        assert_eq!(chosen(&[cooks, &[("Head cooks", 0.5)]]), ["Cooks", "Head cooks"]);
        assert_eq!(chosen(&[&[], cooks, &[]]), ["Other ads", "Cooks", "Other ads 3"]);
    }

    #[test]
    fn no_role_is_in_two_names_and_two_of_a_kind_only_where_others_say_much_less() {
        let role = |role: &str, score: f64| Candidate::of_roles(role.to_owned(), &[role], score);
        let scientist = [role("data scientist", 1.0), role("scientist", 0.5)];
        let data = |other: Candidate| [scientist.to_vec(), vec![role("data analyst", 1.0), other]];
        assert_eq!(distinct(&data(role("chef", 0.6)), &[0, 1]), ["data scientist", "data analyst"]);
        let kinds =
            |other: Candidate| [vec![role("risk analyst", 1.0)], vec![role("data analyst", 1.0), other]];
        assert_eq!(distinct(&kinds(role("chef", 0.5)), &[0, 1]), ["risk analyst", "chef"]);
        assert_eq!(distinct(&kinds(role("chef", 0.1)), &[0, 1]), ["risk analyst", "data analyst"]);
        let same = [vec![role("analyst", 1.0)], vec![role("data analyst", 1.0), role("chef", 0.1)]];
        assert_eq!(distinct(&same, &[0, 1]), ["analyst", "chef"]);
    }

    #[test]
    fn words_of_one_stem_clash() {
        for (one, other) in [
            ("analyst", "analytics"),
            ("engineer", "engineering"),
            ("nurse", "nursing"),
            ("consultant", "consulting"),
            ("it", "it"),
        ] {
            assert!(words_clash(one, other) && words_clash(other, one), "{one} {other}");
        }
        for (one, other) in [("care", "cash"), ("technical", "technology"), ("it", "item"), ("data", "date")]
        {
            assert!(!words_clash(one, other) && !words_clash(other, one), "{one} {other}");
        }
    }
}
