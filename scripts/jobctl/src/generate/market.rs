//! The market over time: when ads are posted, scraped, changed and reposted under a new id.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Weekday};
use common::Result;
use common::job::{JobAd, Timestamp};

use super::board::Board;
use super::content::{self, Content};
use super::dice::{Dice, Purpose};
use super::employer::Employers;
use super::vocabulary::Vocabulary;
use super::{dirt, text};

/// A day, in seconds.
const DAY: u32 = 86_400;
/// Singapore's offset from UTC, all year round.
const SINGAPORE: Duration = Duration::hours(8);
/// Maximum time between two sightings of an ad.
const MAX_DAYS_BETWEEN_SIGHTINGS: u32 = 45;
/// Share of ads that repeat an earlier one under a new id, per mille.
const REPOSTS_PER_MILLE: u32 = 35;
/// Maximum distance of a repost from the repeated ad, in ads.
const MAX_REPOST_DISTANCE: u32 = 4_000;

/// The parameters of a market, which determine its rows completely.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Distinct ads.
    pub(crate) ads: u64,
    /// Mean number of sightings of an ad; at least 1.
    pub(crate) sightings_per_ad: f64,
    /// The day of the last scrape.
    pub(crate) until: NaiveDate,
    /// Length of the market, in days; at least 8.
    pub(crate) days: u32,
    /// Whether descriptions are left out.
    pub(crate) titles_only: bool,
}

/// A generator of sightings. Each one is generated independently of the others.
pub(crate) struct Market {
    plan: Plan,
    words: Vocabulary,
    employers: Employers,
}

impl Market {
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let words = Vocabulary::parse()?;
        let employers = Employers::new(&words, plan.seed);
        Ok(Self { plan, words, employers })
    }

    /// All sightings, approximately in the order of scraping. Memory holds only the times of sightings that are still
    /// due.
    pub(crate) fn sightings(&self) -> impl Iterator<Item = JobAd> {
        let mut number = 0;
        let mut due_sightings: BinaryHeap<Reverse<(Timestamp, u64, usize)>> = BinaryHeap::new();
        std::iter::from_fn(move || {
            let has_more = number < self.plan.ads;
            let now = has_more.then(|| self.posted(number));
            if due_sightings.peek().is_some_and(|Reverse((due, ..))| now.is_none_or(|now| *due <= now)) {
                let Reverse((_, ad, sighting)) = due_sightings.pop()?;
                return Some(self.sighting(ad, sighting));
            }
            if !has_more {
                return None;
            }
            let scrapes = self.scrapes(number);
            due_sightings.extend(
                scrapes.iter().enumerate().skip(1).map(|(sighting, due)| Reverse((*due, number, sighting))),
            );
            number += 1;
            Some(self.sighting(number - 1, 0))
        })
    }

    /// The number of the ad whose content this one has: its own, unless it is a repost.
    fn original(&self, mut number: u64) -> u64 {
        loop {
            let mut dice = Dice::new(self.plan.seed, Purpose::Posting, number);
            if number == 0 || !dice.happens(REPOSTS_PER_MILLE) {
                return number;
            }
            let reach = u32::try_from(number).unwrap_or(u32::MAX).min(MAX_REPOST_DISTANCE);
            number -= u64::from(dice.between(1, reach));
        }
    }

    /// Time of the posting of an ad, from 0 to 1. The rate of ads grows over time.
    fn time(&self, number: u64) -> f64 {
        let jitter = Dice::new(self.plan.seed, Purpose::Posting, number).uniform();
        let share = (number as f64 + jitter) / self.plan.ads as f64;
        ((0.49 + 1.2 * share).sqrt() - 0.7) / 0.6
    }

    fn posted(&self, number: u64) -> Timestamp {
        let span = f64::from(self.plan.days.saturating_sub(2)) * f64::from(DAY);
        let start = midnight(self.plan.until) - Duration::days(i64::from(self.plan.days));
        let moment = start + Duration::seconds((span * self.time(number)) as i64);
        let mut dice = Dice::new(self.plan.seed, Purpose::Sightings, number);
        let local = moment + SINGAPORE;
        // Most ads are posted on weekdays in office hours.
        let back = match local.weekday() {
            Weekday::Sat if dice.happens(780) => dice.between(1, 5).into(),
            Weekday::Sun if dice.happens(780) => dice.between(2, 6).into(),
            _ => 0,
        };
        let second = if dice.happens(900) { dice.between(8 * 3_600, 19 * 3_600) } else { dice.below(DAY) };
        let day = (local - Duration::days(back)).date_naive();
        midnight(day) + Duration::seconds(second.into()) - SINGAPORE
    }

    /// The times of the sightings of an ad in ascending order, until the last day of the market.
    fn scrapes(&self, number: u64) -> Vec<Timestamp> {
        let posted = self.posted(number);
        let end = midnight(self.plan.until) + Duration::days(1);
        let mut dice = Dice::new(self.plan.seed, Purpose::Sightings, number);
        // A different seed, because `posted` uses this stream too.
        let mut dice = Dice::new(self.plan.seed ^ dice.number(), Purpose::Sightings, number);
        let first = posted + Duration::seconds(dice.between(1_800, 2 * DAY - 1).into());
        let mut scrapes = vec![first.min(end - Duration::seconds(1)) + micros(&mut dice)];
        let more = self.plan.sightings_per_ad - 1.0;
        let again = (1_000_000.0 * more / (1.0 + more)) as u32;
        while dice.below(1_000_000) < again {
            let last = scrapes[scrapes.len() - 1];
            let left = u32::try_from((end - last).num_seconds()).unwrap_or_default();
            let wait = dice.between(1, (MAX_DAYS_BETWEEN_SIGHTINGS * DAY).min(left).max(2) - 1);
            scrapes.push(last + Duration::seconds(wait.into()));
        }
        scrapes
    }

    /// What an ad pays before the mistakes of its board: lower and upper bound in SGD per month.
    #[cfg(test)]
    pub(super) fn pay(&self, number: u64) -> (f64, f64) {
        let original = self.original(number);
        let mut dice = content::dice(self.plan.seed, original);
        Content::new(&self.words, &self.employers, &mut dice, self.time(original)).pay
    }

    /// Generates one sighting of an ad.
    pub(crate) fn sighting(&self, number: u64, sighting: usize) -> JobAd {
        let seed = self.plan.seed;
        let original = self.original(number);
        let mut dice = content::dice(seed, original);
        let content = Content::new(&self.words, &self.employers, &mut dice, self.time(original));
        let title = text::title(&content, &self.words.phrases, &mut dice);
        let description = self.description(&content, &mut dice);

        let mut dice = Dice::new(seed, Purpose::Posting, number);
        dice.number();
        let board = Board::pick(&mut dice);
        let job_id = board.job_id(seed, number, &mut dice);
        let job_url = board.job_url(&job_id);
        let mut ad = JobAd {
            source: board.source.to_owned(),
            job_url: board.text_or_missing(&mut dice, 15, &job_url),
            job_id,
            job_title: board.text_or_missing(&mut dice, 2, &title),
            job_description: if self.plan.titles_only { board.missing(&mut dice) } else { Some(description) },
            job_location: location(&content, board, &mut dice),
            job_classification: board.text_or_missing(
                &mut dice,
                board.missing_classification,
                content.classification,
            ),
            job_work_type: board.text_or_missing(&mut dice, 35, content.work_type),
            job_posted_timestamp: self.stated_posting(board, number, &mut dice),
            ..JobAd::default()
        };
        if dice.happens(34) {
            ad.job_description = board.missing(&mut dice);
        }
        super::pay::set_salary(&mut ad, content.pay, board, &mut dice);
        employer(&mut ad, &content, board, &mut dice);
        self.apply_sighting(&mut ad, number, sighting);
        ad
    }

    fn description(&self, content: &Content<'_>, dice: &mut Dice) -> String {
        let phrases = &self.words.phrases;
        let words = text::description(content, phrases, dice);
        let words = match dice.below(1_000) {
            0..24 => format!("{words}\n{}", text::translation(content, phrases, dice)),
            24..30 => text::translation(content, phrases, dice),
            30..34 => dirt::blank(dice).to_owned(),
            _ => words,
        };
        dirt::add_defects(words, dice)
    }

    fn stated_posting(&self, board: &Board, number: u64, dice: &mut Dice) -> Option<Timestamp> {
        let posted = self.posted(number);
        let stated = if board.posts_by_day { midnight(posted.date_naive()) } else { posted };
        (!dice.happens(9)).then_some(stated)
    }

    /// Sets the timestamps of the sighting, and applies the changes since the first sighting.
    fn apply_sighting(&self, ad: &mut JobAd, number: u64, sighting: usize) {
        let scrapes = self.scrapes(number);
        let mut dice = Dice::new(self.plan.seed ^ 0x5EE5, Purpose::Sightings, number);
        for (index, scraped) in scrapes.iter().enumerate().take(sighting + 1) {
            ad.scrape_timestamp = *scraped;
            let loaded = *scraped + Duration::seconds(dice.between(120, 5_400).into());
            ad.bq_timestamp = (!dice.happens(40)).then_some(loaded);
            if index > 0 {
                self.change(ad, &mut dice);
            }
        }
        // The description is sometimes missing in the first of several sightings.
        if sighting == 0 && scrapes.len() > 1 && dice.happens(20) {
            ad.job_description = None;
        }
    }

    fn change(&self, ad: &mut JobAd, dice: &mut Dice) {
        let phrases = &self.words.phrases;
        if dice.happens(120)
            && let Some(description) = ad.job_description.as_mut().filter(|text| !text.trim().is_empty())
        {
            description.push_str("\n\n");
            description.push_str(text::update(phrases, dice));
        }
        if dice.happens(20)
            && let Some(title) = ad.job_title.as_mut().filter(|title| !title.is_empty())
        {
            title.push_str(" (reposted)");
        }
        if dice.happens(80) {
            super::pay::raise(ad);
        }
    }
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// A random fraction of a second.
fn micros(dice: &mut Dice) -> Duration {
    Duration::microseconds(dice.below(1_000_000).into())
}

fn location(content: &Content<'_>, board: &Board, dice: &mut Dice) -> Option<String> {
    match dice.below(1_000) {
        0..35 => board.missing(dice),
        35..95 => Some("Singapore".to_owned()),
        95..130 => Some("Islandwide".to_owned()),
        130..170 => Some(content.place.region.to_owned()),
        _ => Some(content.place.town.to_owned()),
    }
}

fn employer(ad: &mut JobAd, content: &Content<'_>, board: &Board, dice: &mut Dice) {
    let employer = content.employer;
    let missing_per_mille = |share| if board.knows_companies { share } else { share * 3 };
    ad.company_name = board.text_or_missing(dice, 10, &employer.name);
    ad.company_url = board.text_or_missing(dice, missing_per_mille(90), &employer.url);
    ad.company_description = board.text_or_missing(dice, missing_per_mille(200), &employer.description);
    ad.company_industry = board.text_or_missing(dice, missing_per_mille(60), employer.industry);
    ad.company_size = board.text_or_missing(dice, missing_per_mille(110), employer.size);
    ad.company_id = board.text_or_missing(dice, if board.knows_companies { 20 } else { 1_000 }, &employer.id);
}

/// The default last day of a market. It is a constant, so that a command generates the same rows on any day.
pub(crate) fn default_until() -> NaiveDate {
    DateTime::from_timestamp(1_761_868_800, 0).map(|moment| moment.date_naive()).unwrap_or_default()
}
