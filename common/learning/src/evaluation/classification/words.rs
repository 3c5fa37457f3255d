//! The most telling words of each class.

use common_core::{Error, Result};

use crate::features::corpus::Counts;

/// Ads of the prior: as many as if each word had been counted in so many more ads, in all classes alike.
const PRIOR_ADS: f64 = 500.0;
/// Words that are kept for each word asked for, of which some contain each other.
const SPARE: usize = 4;

/// The `most` most telling n-grams of each class, the most telling first: those with the largest log odds of an ad to
/// have them, against ads of all other classes, in standard deviations under an informative Dirichlet prior (Monroe,
/// Colaresi and Quinn, 2008). An n-gram that shares a word with a more telling one is left out.
///
/// # Errors
/// `InvalidInput` if the lists differ in length.
pub fn telling_words(
    counts: &Counts,
    rows: &[u32],
    labels: &[u32],
    classes: usize,
    most: usize,
) -> Result<Vec<Vec<String>>> {
    if rows.len() != labels.len() {
        let (found, rows) = (labels.len(), rows.len());
        return Err(Error::invalid_input(format!(
            "invalid labels of {found} rows: expected those of {rows} rows"
        )));
    }
    let mut ads = vec![0f64; classes];
    for label in labels {
        ads[*label as usize] += 1.0;
    }
    let total = rows.len() as f64;
    let by_term = counts.matrix.select(rows).transposed();
    let mut best: Vec<Vec<(f64, usize)>> = vec![Vec::new(); classes];
    let mut with = vec![0f64; classes];
    for term in 0..by_term.rows() {
        let mut all = 0.0;
        for (row, _) in by_term.row(term) {
            with[labels[row as usize] as usize] += 1.0;
            all += 1.0;
        }
        if all >= total {
            // What every ad has tells nothing.
            with.fill(0.0);
            continue;
        }
        let prior = PRIOR_ADS * all / total;
        for (class, own) in with.iter_mut().enumerate().filter(|(_, own)| **own > 0.0) {
            let log_odds = |with: f64, ads: f64| {
                ((with + prior) / (ads + PRIOR_ADS - with - prior).max(f64::MIN_POSITIVE)).ln()
            };
            let variance = 1.0 / (*own + prior) + 1.0 / (all - *own + prior);
            let difference = log_odds(*own, ads[class]) - log_odds(all - *own, total - ads[class]);
            insert(&mut best[class], (difference / variance.sqrt(), term), SPARE * most);
            *own = 0.0;
        }
    }
    Ok(best.into_iter().map(|terms| different(terms, &counts.terms, most)).collect())
}

/// Inserts into a descending list of at most `most`; the first of equals stays first.
fn insert(best: &mut Vec<(f64, usize)>, one: (f64, usize), most: usize) {
    if one.0 > 0.0 && (best.len() < most || best.last().is_some_and(|last| last.0 < one.0)) {
        let at = best.partition_point(|other| other.0 >= one.0);
        best.insert(at, one);
        best.truncate(most);
    }
}

/// The first terms that have no word in common.
fn different(terms: Vec<(f64, usize)>, names: &[Box<str>], most: usize) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::new();
    for (_, term) in terms {
        let name = &*names[term];
        let is_known = |word: &str| chosen.iter().any(|other| other.split(' ').any(|own| own == word));
        if chosen.len() < most && !name.split(' ').any(is_known) {
            chosen.push(name.to_owned());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::grams::{word_grams, words};

    #[test]
    fn words_of_a_class_tell_it_from_others() {
        let texts =
            ["the chef cooks the soup", "the chef serves", "the judge rules", "the judge hears the court"];
        let words: Vec<_> = texts.iter().map(|text| words(text)).collect();
        let counts = Counts::of(4, 1, |text, visit| word_grams(&words[text], visit));
        let told = telling_words(&counts, &[0, 1, 2, 3], &[0, 0, 1, 1], 3, 2).unwrap();
        assert!(told[0][0].contains("chef") && told[1][0].contains("judge"), "{told:?}");
        assert!(told[0].len() == 2 && told[2].is_empty(), "{told:?}");
        assert!(!told[0][1].split(' ').any(|word| told[0][0].split(' ').any(|other| other == word)));
        assert!(telling_words(&counts, &[0], &[], 1, 2).is_err());
    }
}
