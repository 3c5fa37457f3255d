//! The reasons of a match: what the ad has in common with the query.

use common_core::fold::fold_name;
use common_core::pay::Currency;

use crate::Row;
use crate::ads::Ad;
use crate::lexicon::TermId;
use crate::reader::JobIndex;
use crate::words::{is_stop_word, words};

/// Maximum number of words of a reason.
const MAX_TERMS: usize = 5;

/// Something that an ad has in common with another ad or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Both have this classification.
    Classification(String),
    /// Both contain these words: those of both titles come first, then distinctive words of both texts; rarest first.
    Terms(Vec<String>),
    /// The overlap of the monthly pay of both.
    Salary {
        /// The higher of the lower bounds.
        from: f64,
        /// The lower of the upper bounds.
        to: f64,
        /// The currency of both.
        currency: String,
    },
}

impl JobIndex {
    /// The reasons of a match of two ads.
    pub fn reasons_between(&self, a: Row, b: Row) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let (one, other) = (self.ad(a), self.ad(b));
        if let Some(class) = one.job_classification.filter(|class| !class.trim().is_empty())
            && other.job_classification.is_some_and(|other| fold_name(class) == fold_name(other))
        {
            reasons.push(Reason::Classification(class.to_owned()));
        }
        let distinctive = self.terms_of(a);
        let title = self.term_ids(one.job_title.unwrap_or_default());
        reasons.extend(self.shared_terms(&title, distinctive, b));
        if let (Some(one), Some(other)) = (range(&one), range(&other))
            && one.2 == other.2
        {
            let (from, to) = (one.0.max(other.0), one.1.min(other.1));
            if from <= to {
                reasons.push(Reason::Salary { from, to, currency: one.2 });
            }
        }
        reasons
    }

    /// The reasons of a match of a text and an ad.
    pub fn reasons_for_text(&self, text: &str, b: Row) -> Vec<Reason> {
        let terms = self.term_ids(text);
        self.shared_terms(&terms, &terms, b).into_iter().collect()
    }

    /// The words of a text that are in the lexicon, without stop words.
    fn term_ids(&self, text: &str) -> Vec<TermId> {
        words(text).filter(|word| !is_stop_word(word)).filter_map(|word| self.lexicon.id(&word)).collect()
    }

    /// The words that ad `b` shares with the query: words of its title that are in `title`, however frequent they are,
    /// and distinctive words of its text that are in `distinctive`.
    fn shared_terms(&self, title: &[TermId], distinctive: &[TermId], b: Row) -> Option<Reason> {
        let sort_by_frequency = |shared: &mut Vec<TermId>| {
            shared.sort_unstable_by_key(|&term| (self.lexicon.frequency(term), term));
            shared.dedup();
        };
        let mut terms = self.term_ids(self.ad(b).job_title.unwrap_or_default());
        terms.retain(|term| title.contains(term));
        sort_by_frequency(&mut terms);
        let is_more = |term: &TermId| distinctive.contains(term) && !terms.contains(term);
        let mut more: Vec<TermId> = self.terms_of(b).iter().copied().filter(is_more).collect();
        sort_by_frequency(&mut more);
        terms.extend(more);
        let mut shared: Vec<String> = Vec::new();
        for term in terms {
            let word = self.lexicon.term(term);
            // A part is redundant beside the whole word: `net` beside `asp.net`.
            if !shared.iter().any(|other| is_part(word, other)) {
                shared.retain(|other: &String| !is_part(other, word));
                shared.push(word.to_owned());
            }
            if shared.len() == MAX_TERMS {
                break;
            }
        }
        (!shared.is_empty()).then_some(Reason::Terms(shared))
    }
}

/// Returns whether `word` is a part of the compound word `whole`.
fn is_part(word: &str, whole: &str) -> bool {
    word.len() < whole.len() && whole.contains(word) && words(whole).any(|part| part == word)
}

fn range(ad: &Ad<'_>) -> Option<(f64, f64, String)> {
    let (least, most) = (ad.salary_min_monthly, ad.salary_max_monthly);
    let (one, other) = (least.or(most)?, most.or(least)?);
    // Unknown currencies are compared without regard to case.
    let currency = Currency::read(ad.currency).name().to_uppercase();
    Some((one.min(other), one.max(other), currency))
}
