//! The vocabulary of the market, parsed from text files. Everything in it is invented: no employer, person or ad is
//! real.
//!
//! In every file `#` begins a comment and `= name` a section. The section of a field of work has settings (`name
//! value`), tasks of every role of the field (`- task`), and roles (`* title | pay in SGD per month | tasks; … |
//! skills, …`, with an optional fifth cell for the specialisms of the role, which by default are those of the field).
//! `market.txt` has tables and lists; `phrases.txt` has one sentence per line with `{slots}` that [`super::text`]
//! fills.

use std::collections::BTreeMap;

use common::{Error, Result};

const FIELDS: [&str; 5] = [
    include_str!("technology.txt"),
    include_str!("business.txt"),
    include_str!("people.txt"),
    include_str!("services.txt"),
    include_str!("trades.txt"),
];
const MARKET: &str = include_str!("market.txt");
const PHRASES: &str = include_str!("phrases.txt");

/// All words, names and sentences of generated ads.
pub(crate) struct Vocabulary {
    pub(super) fields: Vec<Field>,
    pub(super) industries: Vec<Industry>,
    pub(super) sizes: Vec<Size>,
    pub(super) places: Vec<Place>,
    pub(super) names: Names,
    pub(super) phrases: Phrases,
}

/// A field of work, which job boards call a classification.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) weight: u32,
    /// Related fields, under which its ads are sometimes misclassified.
    pub(super) near: Vec<&'static str>,
    /// Indexes into [`Vocabulary::industries`].
    pub(super) industries: Vec<usize>,
    pub(super) ladder: Ladder,
    pub(super) study: &'static str,
    pub(super) team: &'static str,
    pub(super) sites: Sites,
    pub(super) tasks: Vec<&'static str>,
    pub(super) roles: Vec<Role>,
}

/// A role, with the pay of the level [`super::content::Step::Mid`].
pub(super) struct Role {
    pub(super) title: &'static str,
    pub(super) sgd_per_month: f64,
    pub(super) tasks: Vec<&'static str>,
    pub(super) skills: Vec<&'static str>,
    /// Name of each specialism and its effect on pay in percent.
    pub(super) specialisms: Vec<(&'static str, i32)>,
}

/// The career ladder of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ladder {
    Professional,
    Trade,
    Clinical,
}

/// The kind of workplace, which determines the distribution of towns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sites {
    Office = 0,
    Plant = 1,
    Anywhere = 2,
}

pub(super) struct Industry {
    pub(super) name: &'static str,
    pub(super) pay_percent: i32,
    pub(super) employers: u32,
    pub(super) nouns: Vec<&'static str>,
    pub(super) does: &'static str,
}

pub(super) struct Size {
    pub(super) label: &'static str,
    pub(super) pay_percent: i32,
    pub(super) weight: u32,
}

pub(super) struct Place {
    pub(super) town: &'static str,
    pub(super) region: &'static str,
    pub(super) pay_percent: i32,
    /// Weight of the place for each of [`Sites`].
    pub(super) weights: [u32; 3],
}

/// Parts of company names.
pub(super) struct Names {
    pub(super) first: Vec<&'static str>,
    pub(super) second: Vec<&'static str>,
    pub(super) suffixes: Vec<&'static str>,
}

macro_rules! phrases {
    ($($field:ident = $section:literal),+ $(,)?) => {
        /// Sentences with slots, by purpose.
        pub(super) struct Phrases {
            $(pub(super) $field: Vec<&'static str>,)+
        }

        impl Phrases {
            fn parse() -> Result<Self> {
                let mut sections: BTreeMap<_, _> = sections(PHRASES).into_iter().collect();
                Ok(Self { $($field: non_empty(sections.remove($section).unwrap_or_default(), $section)?,)+ })
            }
        }
    };
}

phrases! {
    intro = "intro", agency = "agency", opening = "opening", duties_heading = "duties heading",
    needs_heading = "needs heading", benefits_heading = "benefits heading", study = "study", intern = "intern",
    entry = "entry", mid = "mid", senior = "senior", lead = "lead", skills = "skills", specialism = "specialism",
    traits = "traits", benefits = "benefits", closing = "closing", long = "long",
    hours = "hours", shifts = "shifts", pay = "pay",
    chinese = "chinese", malay = "malay", tamil = "tamil", update = "update", tags = "tags",
}

impl Vocabulary {
    /// Parses the files, which are compiled into the program.
    ///
    /// # Errors
    /// `Internal`, with the line, if a file is invalid.
    pub(crate) fn parse() -> Result<Self> {
        let mut market: BTreeMap<_, _> = sections(MARKET).into_iter().collect();
        let mut lines = |name| non_empty(market.remove(name).unwrap_or_default(), name);
        let industries = lines("industries")?.into_iter().map(industry).collect::<Result<Vec<_>>>()?;
        let sizes = lines("sizes")?.into_iter().map(size).collect::<Result<_>>()?;
        let places = lines("places")?.into_iter().map(place).collect::<Result<_>>()?;
        let names = Names {
            first: words(&lines("first")?),
            second: words(&lines("second")?),
            suffixes: words(&lines("suffixes")?),
        };
        let fields = FIELDS.iter().flat_map(|file| sections(file));
        let fields = fields.map(|(name, lines)| field(name, &lines, &industries)).collect::<Result<_>>()?;
        Ok(Self { fields, industries, sizes, places, names, phrases: Phrases::parse()? })
    }
}

/// The sections of a file, in order, without comments and empty lines.
fn sections(file: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("= "), sections.last_mut()) {
            (Some(name), _) => sections.push((name, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    sections
}

fn invalid(line: &str) -> Error {
    Error::internal(format!("invalid line in the vocabulary: {line:?}"))
}

fn non_empty<T>(lines: Vec<T>, section: &str) -> Result<Vec<T>> {
    if lines.is_empty() { Err(invalid(section)) } else { Ok(lines) }
}

fn list(text: &'static str, separator: char) -> Vec<&'static str> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The comma-separated words of all lines.
fn words(lines: &[&'static str]) -> Vec<&'static str> {
    lines.iter().flat_map(|line| list(line, ',')).collect()
}

fn cells<const N: usize>(line: &'static str) -> Result<[&'static str; N]> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    cells.try_into().map_err(|_| invalid(line))
}

fn number<N: std::str::FromStr>(text: &str, line: &str) -> Result<N> {
    text.parse().map_err(|_| invalid(line))
}

fn industry(line: &'static str) -> Result<Industry> {
    let [name, pay, employers, nouns, does] = cells(line)?;
    let nouns = non_empty(list(nouns, ','), line)?;
    Ok(Industry { name, pay_percent: number(pay, line)?, employers: number(employers, line)?, nouns, does })
}

fn size(line: &'static str) -> Result<Size> {
    let [label, pay, weight] = cells(line)?;
    Ok(Size { label, pay_percent: number(pay, line)?, weight: number(weight, line)? })
}

fn place(line: &'static str) -> Result<Place> {
    let [town, region, pay, weights] = cells(line)?;
    let weights: Vec<u32> =
        weights.split_whitespace().map(|weight| number(weight, line)).collect::<Result<_>>()?;
    let weights = weights.try_into().map_err(|_| invalid(line))?;
    Ok(Place { town, region, pay_percent: number(pay, line)?, weights })
}

fn field(name: &'static str, lines: &[&'static str], industries: &[Industry]) -> Result<Field> {
    let (mut settings, mut tasks, mut roles, mut specialisms) = (BTreeMap::new(), vec![], vec![], vec![]);
    for line in lines {
        if let Some(task) = line.strip_prefix("- ") {
            tasks.push(task);
        } else if let Some(text) = line.strip_prefix("* ") {
            roles.push(role(text, &specialisms)?);
        } else {
            let (setting, value) = line.split_once(' ').ok_or_else(|| invalid(line))?;
            if setting == "specialisms" {
                specialisms = list(value, ',').into_iter().map(specialism).collect::<Result<_>>()?;
            }
            settings.insert(setting, value.trim());
        }
    }
    let setting = |key: &str| settings.get(key).copied().ok_or_else(|| invalid(name));
    let industry = |wanted: &str| {
        industries.iter().position(|industry| industry.name == wanted).ok_or_else(|| invalid(wanted))
    };
    Ok(Field {
        name,
        weight: number(setting("weight")?, name)?,
        near: list(setting("near")?, ','),
        industries: list(setting("industries")?, ',').into_iter().map(industry).collect::<Result<_>>()?,
        ladder: match setting("ladder")? {
            "professional" => Ladder::Professional,
            "trade" => Ladder::Trade,
            "clinical" => Ladder::Clinical,
            other => return Err(invalid(other)),
        },
        study: setting("study")?,
        team: setting("team")?,
        sites: match setting("sites")? {
            "office" | "studio" => Sites::Office,
            "plant" | "warehouse" | "site" | "workshop" | "lab" => Sites::Plant,
            _ => Sites::Anywhere,
        },
        tasks: non_empty(tasks, name)?,
        roles: non_empty(roles, name)?,
    })
}

/// The factor of an effect in percent: 1.05 for 5.
pub(super) fn percent(effect: i32) -> f64 {
    1.0 + f64::from(effect) / 100.0
}

fn specialism(text: &'static str) -> Result<(&'static str, i32)> {
    let (name, pay_percent) = text.rsplit_once(' ').ok_or_else(|| invalid(text))?;
    Ok((name, number(pay_percent, text)?))
}

fn role(line: &'static str, of_field: &[(&'static str, i32)]) -> Result<Role> {
    let ([title, pay, tasks, skills], fitting) = match cells::<5>(line) {
        Ok([title, pay, tasks, skills, fitting]) => ([title, pay, tasks, skills], list(fitting, ',')),
        Err(_) => (cells(line)?, of_field.iter().map(|(name, _)| *name).collect()),
    };
    let (tasks, skills) = (non_empty(list(tasks, ';'), line)?, non_empty(list(skills, ','), line)?);
    let specialism = |name: &str| of_field.iter().find(|(known, _)| *known == name).copied();
    let specialisms = fitting.into_iter().map(|name| specialism(name).ok_or_else(|| invalid(name)));
    let specialisms = specialisms.collect::<Result<_>>()?;
    Ok(Role { title, sgd_per_month: number(pay, line)?, tasks, skills, specialisms })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_vocabulary_is_large_enough() {
        let words = Vocabulary::parse().unwrap();
        assert!(words.fields.len() >= 30, "{}", words.fields.len());
        let roles: Vec<&Role> = words.fields.iter().flat_map(|field| &field.roles).collect();
        assert!(roles.len() >= 240, "{}", roles.len());
        let titles: HashSet<&str> = roles.iter().map(|role| role.title).collect();
        assert_eq!(titles.len(), roles.len(), "duplicate title");
        assert!(roles.iter().all(|role| role.tasks.len() >= 4 && role.skills.len() >= 4));
        assert!(roles.iter().all(|role| (1_500.0..=15_000.0).contains(&role.sgd_per_month)));
        let employers: u32 = words.industries.iter().map(|industry| industry.employers).sum();
        assert!(employers > 500, "{employers}");
        assert!(words.names.first.len() * words.names.second.len() > employers as usize);
    }

    #[test]
    fn references_between_sections_are_valid() {
        let words = Vocabulary::parse().unwrap();
        let fields: HashSet<&str> = words.fields.iter().map(|field| field.name).collect();
        for field in &words.fields {
            assert!(!field.industries.is_empty(), "{}", field.name);
            assert!(field.roles.iter().all(|role| !role.specialisms.is_empty()), "{}", field.name);
            for near in &field.near {
                assert!(fields.contains(near), "{}: near {near}", field.name);
            }
        }
        for sites in 0..3 {
            assert!(words.places.iter().map(|place| place.weights[sites]).sum::<u32>() > 0);
        }
    }
}
