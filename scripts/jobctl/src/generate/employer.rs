//! The employers of the market, generated from the seed.

use super::dice::{Dice, Purpose};
use super::vocabulary::{Vocabulary, percent};

/// A company that posts ads.
pub(super) struct Employer {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) industry: &'static str,
    pub(super) size: &'static str,
    /// Whether it is a recruitment agency, whose ads do not name the client.
    pub(super) is_agency: bool,
    /// Factor of its pay relative to the market: of the industry, the size and the employer itself.
    pub(super) pay_factor: f64,
    weight: u32,
}

/// All employers by industry, an index into [`Vocabulary::industries`].
pub(super) struct Employers(Vec<Vec<Employer>>);

impl Employers {
    pub(super) fn new(words: &Vocabulary, seed: u64) -> Self {
        let mut dice = Dice::new(seed, Purpose::Employers, 0);
        let names = &words.names;
        let mut pairs: Vec<(usize, usize)> = (0..names.first.len())
            .flat_map(|first| (0..names.second.len()).map(move |second| (first, second)))
            .collect();
        let mut number = 0;
        let employers = words.industries.iter().map(|industry| {
            let rank_to_employer = |rank: u32| {
                let (first, second) = pairs.swap_remove(dice.below(pairs.len() as u32) as usize);
                let stem = format!("{}{}", names.first[first], names.second[second]);
                let name = format!("{stem} {} {}", dice.word(&industry.nouns), dice.word(&names.suffixes));
                let size = &words.sizes[dice.weighted(words.sizes.iter().map(|size| size.weight))];
                number += 1;
                Employer {
                    // Has the format of a registration number, with a type letter that the register does not assign.
                    id: format!(
                        "X{:02}XX{number:04}{}",
                        dice.below(100),
                        char::from(b'A' + dice.below(26) as u8)
                    ),
                    url: format!("https://employers.example/{}", stem.to_lowercase()),
                    description: format!(
                        "{name} {}. Founded in {}, it has {}.",
                        industry.does,
                        dice.between(1966, 2022),
                        size.label
                    ),
                    name,
                    industry: industry.name,
                    size: size.label,
                    is_agency: industry.name == "Recruitment",
                    pay_factor: percent(industry.pay_percent) * percent(size.pay_percent) * dice.factor(0.04),
                    // A few employers post most ads.
                    weight: 10_000 / (rank + 2),
                }
            };
            (0..industry.employers).map(rank_to_employer).collect()
        });
        Self(employers.collect())
    }

    /// Picks an employer of an industry.
    pub(super) fn pick(&self, dice: &mut Dice, industry: usize) -> &Employer {
        let employers = &self.0[industry];
        &employers[dice.weighted(employers.iter().map(|employer| employer.weight))]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_ids_are_unique_and_reproducible() {
        let words = Vocabulary::parse().unwrap();
        let all: Vec<Employer> = Employers::new(&words, 1).0.into_iter().flatten().collect();
        assert!(all.len() > 500);
        let names: HashSet<&str> = all.iter().map(|employer| employer.name.as_str()).collect();
        let ids: HashSet<&str> = all.iter().map(|employer| employer.id.as_str()).collect();
        assert_eq!((names.len(), ids.len()), (all.len(), all.len()));
        let again = Employers::new(&words, 1);
        assert_eq!(again.0[0][0].name, all[0].name);
        assert_ne!(Employers::new(&words, 2).0[0][0].name, all[0].name);
    }
}
