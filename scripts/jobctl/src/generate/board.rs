//! The job boards of the market, which differ in ids, URLs and missing values.

use super::dice::Dice;

/// A job board. `MCF` resembles the data of the public portal; the other two are invented.
pub(super) struct Board {
    pub(super) source: &'static str,
    weight: u32,
    /// Share of ads without pay, per mille.
    pub(super) missing_pay: u32,
    /// Share of ads without classification, per mille.
    pub(super) missing_classification: u32,
    /// Whether a missing text is `''` rather than NULL.
    writes_empty: bool,
    /// Whether its ads have registration numbers of companies, and fewer company columns missing.
    pub(super) knows_companies: bool,
    /// Whether posting timestamps are truncated to the day.
    pub(super) posts_by_day: bool,
}

const BOARDS: [Board; 3] = [
    Board {
        source: "MCF",
        weight: 62,
        missing_pay: 50,
        missing_classification: 8,
        writes_empty: false,
        knows_companies: true,
        posts_by_day: true,
    },
    Board {
        source: "JobHarbour",
        weight: 26,
        missing_pay: 205,
        missing_classification: 50,
        writes_empty: true,
        knows_companies: false,
        posts_by_day: false,
    },
    Board {
        source: "LionJobs",
        weight: 12,
        missing_pay: 300,
        missing_classification: 90,
        writes_empty: true,
        knows_companies: false,
        posts_by_day: false,
    },
];

impl Board {
    /// Picks the board of an ad.
    pub(super) fn pick(dice: &mut Dice) -> &'static Self {
        &BOARDS[dice.weighted(BOARDS.iter().map(|board| board.weight))]
    }

    /// A missing text: NULL or `''`, usually the one of this board.
    pub(super) fn missing(&self, dice: &mut Dice) -> Option<String> {
        (self.writes_empty != dice.happens(60)).then(String::new)
    }

    /// `text`, or a missing text with a probability of `missing_per_mille`.
    pub(super) fn text_or_missing(
        &self,
        dice: &mut Dice,
        missing_per_mille: u32,
        text: &str,
    ) -> Option<String> {
        if dice.happens(missing_per_mille) { self.missing(dice) } else { Some(text.to_owned()) }
    }

    /// The id of ad `number` in the style of the board. Ids are unique per seed, and practically unique across seeds.
    pub(super) fn job_id(&self, seed: u64, number: u64, dice: &mut Dice) -> String {
        match self.source {
            "MCF" => format!("{:016x}{:08x}{number:08x}", dice.number(), seed as u32),
            "JobHarbour" => {
                format!("{}{number:08}", 10_000 + seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 90_000)
            }
            _ => format!("LJ-{:04X}-{number:07}", seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48),
        }
    }

    /// The URL of the ad on the board.
    pub(super) fn job_url(&self, job_id: &str) -> String {
        format!("https://jobs.example/{}/{job_id}", self.source.to_lowercase())
    }
}
