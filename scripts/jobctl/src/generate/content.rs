//! The facts of an ad: role, level, employer, place and pay. Its text is generated from them.

use super::dice::{Dice, Purpose};
use super::employer::{Employer, Employers};
use super::vocabulary::{Field, Industry, Ladder, Place, Role, Vocabulary, percent};

/// A career level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Intern,
    Entry,
    Mid,
    Senior,
    Lead,
}

/// A level of a career ladder.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) step: Step,
    /// Prefixes of titles, repeated by their frequency.
    pub(super) prefixes: &'static [&'static str],
    /// Pay relative to [`Role::sgd_per_month`].
    factor: f64,
    weight: u32,
    /// Range of years of experience that ads require.
    pub(super) years: (u32, u32),
}

macro_rules! ladder {
    ($($step:ident $prefixes:expr, $factor:literal, $weight:literal, $years:expr;)+) => {
        &[$(Level { step: Step::$step, prefixes: &$prefixes, factor: $factor, weight: $weight, years: $years }),+]
    };
}

const PROFESSIONAL: &[Level] = ladder! {
    Intern ["Intern"], 0.0, 4, (0, 0);
    Entry ["Junior", "Junior", "Jr."], 0.74, 18, (1, 2);
    Mid [""], 1.0, 43, (2, 4);
    Senior ["Senior", "Senior", "Senior", "Sr.", "Snr"], 1.34, 24, (4, 7);
    Lead ["Lead"], 1.64, 8, (7, 10);
    Lead ["Principal"], 1.9, 3, (9, 12);
};
const TRADE: &[Level] = ladder! {
    Entry ["Trainee", "Junior"], 0.84, 8, (1, 1);
    Mid [""], 1.0, 64, (1, 3);
    Senior ["Senior", "Senior", "Snr"], 1.19, 20, (3, 6);
    Lead ["Lead", "Chief"], 1.37, 8, (5, 9);
};
const CLINICAL: &[Level] = ladder! {
    Mid [""], 1.0, 62, (1, 3);
    Senior ["Senior", "Senior", "Snr"], 1.26, 28, (4, 7);
    Lead ["Principal"], 1.55, 10, (8, 12);
};
const MANAGERIAL: &[Level] = ladder! {
    Mid ["Assistant", "Assistant", "Asst."], 0.76, 18, (3, 5);
    Mid [""], 1.0, 58, (5, 8);
    Senior ["Senior", "Senior", "Sr."], 1.29, 24, (8, 12);
};

/// Pay of interns in SGD per month, in every field.
const INTERN_SGD_PER_MONTH: (u32, u32) = (800, 1_600);
/// Growth of pay from the first to the last day of the market.
const PAY_GROWTH: f64 = 0.05;
/// Growth of pay with each required skill beyond the second.
const SKILL_PREMIUM: f64 = 0.02;

/// Width of the factor by which employers differ in what they pay for the same work.
pub(super) const PAY_SPREAD: f64 = 0.085;
/// Employers in a thousand that pay far more or less than the market, and the range of their further factor.
pub(super) const FAR_EMPLOYERS: u32 = 40;
pub(super) const FAR_FACTORS: (f64, f64) = (0.75, 1.35);

/// The facts of one ad.
pub(super) struct Content<'a> {
    pub(super) field: &'a Field,
    /// The classification on the board: the field, or by mistake a related one.
    pub(super) classification: &'a str,
    pub(super) role: &'a Role,
    pub(super) level: &'static Level,
    pub(super) employer: &'a Employer,
    /// The industry of the employer, or of the client if the employer is an agency.
    pub(super) industry: &'a Industry,
    pub(super) place: &'a Place,
    pub(super) specialism: Option<&'static str>,
    pub(super) work_type: &'static str,
    pub(super) skills: Vec<&'static str>,
    pub(super) tasks: Vec<&'static str>,
    /// Lower and upper bound in SGD per month.
    pub(super) pay: (f64, f64),
}

impl<'a> Content<'a> {
    /// Generates the facts of an ad that is posted at `time`, where 0 is the first and 1 the last day of the market.
    pub(super) fn new(words: &'a Vocabulary, employers: &'a Employers, dice: &mut Dice, time: f64) -> Self {
        let field = &words.fields[dice.weighted(words.fields.iter().map(|field| field.weight))];
        let role = dice.pick(&field.roles);
        let levels = ladder(field.ladder, role.title);
        let level = &levels[dice.weighted(levels.iter().map(|level| level.weight))];
        let home = industry(dice, &field.industries);
        let employer = employers.pick(dice, home);
        let place_of_work = if employer.is_agency { field.industries[0] } else { home };
        let industry = &words.industries[place_of_work];
        let weights = words.places.iter().map(|place| place.weights[field.sites as usize]);
        let place = &words.places[dice.weighted(weights)];
        let specialism = dice.happens(400).then(|| dice.pick(&role.specialisms));
        let is_misfiled = dice.happens(50) && !field.near.is_empty();
        let classification = if is_misfiled { dice.pick(&field.near) } else { field.name };
        let work_type = work_type(dice, field.ladder, level.step);
        let count = 2 + dice.below(3) as usize;
        let skills: Vec<&str> = dice.sample(&role.skills, count).into_iter().copied().collect();
        let count = 2 + dice.below(3) as usize;
        let mut tasks: Vec<&str> = dice.sample(&role.tasks, count).into_iter().copied().collect();
        let count = 1 + dice.below(2) as usize;
        tasks.extend(dice.sample(&field.tasks, count));
        let factor = employer.pay_factor
            * percent(place.pay_percent)
            * specialism.map_or(1.0, |(_, pay)| percent(*pay))
            * (1.0 + PAY_GROWTH * time)
            * (1.0 + SKILL_PREMIUM * (skills.len() as f64 - 2.0));
        let pay = pay(dice, role, level, factor);
        let specialism = specialism.map(|(name, _)| *name);
        Self {
            field,
            classification,
            role,
            level,
            employer,
            industry,
            place,
            specialism,
            work_type,
            skills,
            tasks,
            pay,
        }
    }
}

fn industry(dice: &mut Dice, industries: &[usize]) -> usize {
    // The first industry of a field is its main one.
    if dice.happens(300) { industries[0] } else { *dice.pick(industries) }
}

fn ladder(ladder: Ladder, title: &str) -> &'static [Level] {
    let leads = ["Manager", "Director", "Controller", "Principal", "Supervisor", "Foreman", "Head"];
    match ladder {
        _ if leads.iter().any(|word| title.contains(word)) => MANAGERIAL,
        Ladder::Professional => PROFESSIONAL,
        Ladder::Trade => TRADE,
        Ladder::Clinical => CLINICAL,
    }
}

fn work_type(dice: &mut Dice, ladder: Ladder, step: Step) -> &'static str {
    const TYPES: [&str; 7] =
        ["Permanent", "Full Time", "Contract", "Part Time", "Temporary", "Freelance", "Flexi-work"];
    let weights: [u32; 7] = match ladder {
        _ if step == Step::Intern => return "Internship/Attachment",
        Ladder::Professional => [46, 33, 15, 1, 3, 1, 1],
        Ladder::Trade => [33, 42, 6, 13, 5, 0, 1],
        Ladder::Clinical => [48, 38, 7, 5, 1, 0, 1],
    };
    TYPES[dice.weighted(weights.into_iter())]
}

fn pay(dice: &mut Dice, role: &Role, level: &Level, factor: f64) -> (f64, f64) {
    if level.step == Step::Intern {
        let (least, most) = INTERN_SGD_PER_MONTH;
        let low = f64::from(dice.between(least / 50, most / 50) * 50);
        return (low, low + f64::from(dice.below(5) * 50));
    }
    let mut middle = role.sgd_per_month * level.factor * factor * dice.factor(PAY_SPREAD);
    if dice.happens(FAR_EMPLOYERS) {
        let (least, most) = FAR_FACTORS;
        middle *= least + (most - least) * dice.uniform();
    }
    let half = if dice.happens(80) { 0.0 } else { 0.05 + 0.14 * dice.uniform() };
    (rounded(middle * (1.0 - half)), rounded(middle * (1.0 + half)))
}

/// Rounds pay as ads do, to 50 below 5,000 and to 100 above, and to at least 1,200.
fn rounded(amount: f64) -> f64 {
    let step = if amount < 5_000.0 { 50.0 } else { 100.0 };
    ((amount / step).round() * step).max(1_200.0)
}

/// The random numbers for the content of ad `number`.
pub(super) fn dice(seed: u64, number: u64) -> Dice {
    Dice::new(seed, Purpose::Content, number)
}
