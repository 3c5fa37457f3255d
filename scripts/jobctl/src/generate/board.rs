//! The boards that ads are seen on, and what each makes of an ad.

use super::dice::Dice;

/// A site that publishes ads. `MCF` is shaped like the public portal's data; the other two are invented.
pub(super) struct Board {
    pub(super) source: &'static str,
    weight: u32,
    /// Ads without pay, in a thousand.
    pub(super) hides_pay: u32,
    /// Ads without classification, in a thousand.
    pub(super) lacks_classification: u32,
    /// Whether a missing text is `''` here and not NULL.
    writes_empty: bool,
    /// Whether it knows registration numbers and sizes of companies.
    pub(super) knows_companies: bool,
    /// Whether it states the day of posting alone.
    pub(super) posts_by_day: bool,
}

const BOARDS: [Board; 3] = [
    Board {
        source: "MCF",
        weight: 62,
        hides_pay: 50,
        lacks_classification: 8,
        writes_empty: false,
        knows_companies: true,
        posts_by_day: true,
    },
    Board {
        source: "JobHarbour",
        weight: 26,
        hides_pay: 205,
        lacks_classification: 50,
        writes_empty: true,
        knows_companies: false,
        posts_by_day: false,
    },
    Board {
        source: "LionJobs",
        weight: 12,
        hides_pay: 300,
        lacks_classification: 90,
        writes_empty: true,
        knows_companies: false,
        posts_by_day: false,
    },
];

impl Board {
    /// The board of an ad.
    pub(super) fn pick(dice: &mut Dice) -> &'static Self {
        &BOARDS[dice.weighted(BOARDS.iter().map(|board| board.weight))]
    }

    /// What a missing text looks like here; now and then the other way round.
    pub(super) fn missing(&self, dice: &mut Dice) -> Option<String> {
        (self.writes_empty != dice.happens(60)).then(String::new)
    }

    /// `text`, or the board's missing text in so many of a thousand cases.
    pub(super) fn sometimes(&self, dice: &mut Dice, lacks: u32, text: &str) -> Option<String> {
        if dice.happens(lacks) { self.missing(dice) } else { Some(text.to_owned()) }
    }

    /// The id of ad `number` in the board's own style; never the same for two numbers, nor for two seeds in practice.
    pub(super) fn job_id(&self, seed: u64, number: u64, dice: &mut Dice) -> String {
        match self.source {
            "MCF" => format!("{:016x}{:08x}{number:08x}", dice.number(), seed as u32),
            "JobHarbour" => {
                format!("{}{number:08}", 10_000 + seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 90_000)
            }
            _ => format!("LJ-{:04X}-{number:07}", seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48),
        }
    }

    /// Where the board shows the ad.
    pub(super) fn job_url(&self, job_id: &str) -> String {
        format!("https://jobs.example/{}/{job_id}", self.source.to_lowercase())
    }
}
