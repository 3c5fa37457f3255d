//! Why an ad was found: only what both sides say.

use common_core::fold::fold_name;
use common_core::pay::Currency;

use crate::Row;
use crate::ads::Ad;
use crate::lexicon::TermId;
use crate::reader::JobIndex;
use crate::words::{is_common, words};

/// The most terms a reason names.
const TERMS: usize = 5;

/// Something that two ads, or a text and an ad, have in common.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Both are of this classification.
    Classification(String),
    /// Both have these words: first those of both titles, then others that tell both from most texts; rarest first.
    Terms(Vec<String>),
    /// Both pay between these amounts a month.
    Salary {
        /// The higher of the lower ends.
        from: f64,
        /// The lower of the upper ends.
        to: f64,
        /// Of both.
        currency: String,
    },
}

impl JobIndex {
    /// What two ads have in common.
    pub fn reasons_between(&self, a: Row, b: Row) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let (one, other) = (self.ad(a), self.ad(b));
        if let Some(class) = one.job_classification.filter(|class| !class.trim().is_empty())
            && other.job_classification.is_some_and(|other| fold_name(class) == fold_name(other))
        {
            reasons.push(Reason::Classification(class.to_owned()));
        }
        let known = self.terms_of(a);
        let title = self.told(one.job_title.unwrap_or_default());
        reasons.extend(self.terms(&title, known, b));
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

    /// What a text and an ad have in common.
    pub fn reasons_for_text(&self, text: &str, b: Row) -> Vec<Reason> {
        let asked = self.told(text);
        self.terms(&asked, &asked, b).into_iter().collect()
    }

    /// The words of a text that the index knows, but for the language's most common.
    fn told(&self, text: &str) -> Vec<TermId> {
        words(text).filter(|word| !is_common(word)).filter_map(|word| self.lexicon.id(&word)).collect()
    }

    /// The words of ad `b` that the other side has too: of its title where they are in `title`, however frequent they are, because a
    /// person looks there first; of its telling words where they are in `telling`.
    fn terms(&self, title: &[TermId], telling: &[TermId], b: Row) -> Option<Reason> {
        let rarest = |shared: &mut Vec<TermId>| {
            shared.sort_unstable_by_key(|&term| (self.lexicon.frequency(term), term));
            shared.dedup();
        };
        let mut terms = self.told(self.ad(b).job_title.unwrap_or_default());
        terms.retain(|term| title.contains(term));
        rarest(&mut terms);
        let is_more = |term: &TermId| telling.contains(term) && !terms.contains(term);
        let mut more: Vec<TermId> = self.terms_of(b).iter().copied().filter(is_more).collect();
        rarest(&mut more);
        terms.extend(more);
        let mut shared: Vec<String> = Vec::new();
        for term in terms {
            let word = self.lexicon.term(term);
            // `net` says nothing beside `asp.net`.
            if !shared.iter().any(|other| is_part(word, other)) {
                shared.retain(|other: &String| !is_part(other, word));
                shared.push(word.to_owned());
            }
            if shared.len() == TERMS {
                break;
            }
        }
        (!shared.is_empty()).then_some(Reason::Terms(shared))
    }
}

/// Whether `word` is one of the parts of `whole`.
fn is_part(word: &str, whole: &str) -> bool {
    word.len() < whole.len() && whole.contains(word) && words(whole).any(|part| part == word)
}

fn range(ad: &Ad<'_>) -> Option<(f64, f64, String)> {
    let (least, most) = (ad.salary_min_monthly, ad.salary_max_monthly);
    let (one, other) = (least.or(most)?, most.or(least)?);
    // An unknown spelling is the same currency in any case.
    let currency = Currency::read(ad.currency).name().to_uppercase();
    Some((one.min(other), one.max(other), currency))
}
