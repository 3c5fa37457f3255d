//! Generates the title and the description of an ad from its facts.

use std::borrow::Cow;

use super::content::{Content, Step};
use super::dice::Dice;
use super::vocabulary::{Phrases, Sites};

/// The layout of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Prose,
    Bullets(&'static str),
    Html,
    /// One paragraph.
    Plain,
    /// Headings in capitals.
    Loud,
}

/// The length of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Short,
    Usual,
    Long,
}

/// A part of a description.
enum Part {
    Paragraph(Vec<String>),
    /// Heading, items, and the beginning of the sentence that lists the items in prose.
    List(&'static str, Vec<String>, &'static str),
}

/// The title: level, role, specialism and typical additions.
pub(super) fn title(content: &Content<'_>, phrases: &Phrases, dice: &mut Dice) -> String {
    let role = content.role.title;
    let prefix = dice.word(content.level.prefixes);
    let mut title = match content.level.step {
        Step::Intern => format!("{role} {prefix}"),
        Step::Senior | Step::Lead if dice.happens(80) => format!("{role} ({prefix})"),
        _ if prefix.is_empty() => role.to_owned(),
        _ => format!("{prefix} {role}"),
    };
    if let Some(specialism) = content.specialism.filter(|_| dice.happens(550)) {
        let added = match dice.below(3) {
            0 => format!(" ({specialism})"),
            1 => format!(" - {specialism}"),
            _ => format!(", {specialism}"),
        };
        title.push_str(&added);
    }
    match dice.below(1_000) {
        0..60 => title = format!("{title} | {}", dice.word(&phrases.tags)),
        60..110 => title = format!("{title} [{}]", dice.word(&phrases.tags)),
        110..140 => title = format!("{title} @ {}", content.place.town),
        140..155 => title = format!("{title} - up to ${:.0}", content.pay.1),
        155..175 => title.push_str(" (x2)"),
        175..215 => title = title.to_uppercase(),
        _ => {}
    }
    title
}

/// The description. Its statements follow from the facts; wording and layout are random.
pub(super) fn description(content: &Content<'_>, phrases: &Phrases, dice: &mut Dice) -> String {
    let style = match dice.below(100) {
        0..30 => Style::Prose,
        30..62 => Style::Bullets(dice.word(&["• ", "- ", "* ", "– "])),
        62..74 => Style::Html,
        74..90 => Style::Plain,
        _ => Style::Loud,
    };
    let length = match dice.below(100) {
        0..16 => Length::Short,
        16..84 => Length::Usual,
        _ => Length::Long,
    };
    let years = match content.level.years {
        (_, 0) => "some weeks".to_owned(),
        (1, 1) => "1 year".to_owned(),
        (least, most) => match dice.between(least, most) {
            1 => "1 year".to_owned(),
            years if dice.happens(300) => format!("{years} to {} years", years + 2),
            years => format!("{years} years"),
        },
    };
    let slots = Slots { content, years, skills: joined(&content.skills, "and") };
    let writer = Writer { phrases, slots };
    let parts = writer.parts(length, dice);
    parts.iter().map(|part| part.render(style)).collect::<Vec<_>>().join(match style {
        Style::Plain => " ",
        Style::Html => "",
        Style::Prose => "\n\n",
        Style::Bullets(_) | Style::Loud => "\n",
    })
}

/// A sentence that is added to the description in a later sighting.
pub(super) fn update(phrases: &Phrases, dice: &mut Dice) -> &'static str {
    dice.word(&phrases.update)
}

/// A short summary of the ad in Chinese, Malay or Tamil.
pub(super) fn translation(content: &Content<'_>, phrases: &Phrases, dice: &mut Dice) -> String {
    let sentences = match dice.below(10) {
        0..6 => &phrases.chinese,
        6..8 => &phrases.malay,
        _ => &phrases.tamil,
    };
    let slots = Slots { content, years: String::new(), skills: String::new() };
    let count = dice.between(1, sentences.len() as u32) as usize;
    sentences.iter().take(count).map(|sentence| slots.fill(sentence)).collect::<Vec<_>>().join(" ")
}

struct Writer<'a> {
    phrases: &'a Phrases,
    slots: Slots<'a>,
}

impl Writer<'_> {
    fn sentence(&self, dice: &mut Dice, sentences: &[&'static str]) -> String {
        self.slots.fill(dice.word(sentences))
    }

    fn parts(&self, length: Length, dice: &mut Dice) -> Vec<Part> {
        let (words, content) = (self.phrases, self.slots.content);
        let mut parts = Vec::new();
        let mut beginning = Vec::new();
        if length != Length::Short || dice.happens(300) {
            let intros = if content.employer.is_agency { &words.agency } else { &words.intro };
            beginning.push(self.sentence(dice, intros));
        }
        beginning.push(self.sentence(dice, &words.opening));
        if content.specialism.is_some() {
            beginning.push(self.sentence(dice, &words.specialism));
        }
        parts.push(Part::Paragraph(beginning));
        let tasks = content.tasks.iter().map(|task| (*task).to_owned()).collect();
        parts.push(Part::List(dice.word(&words.duties_heading), tasks, "You will "));
        parts.push(Part::List(dice.word(&words.needs_heading), self.needs(length, dice), ""));
        let mut end = Vec::new();
        if length != Length::Short && dice.happens(350) {
            let is_office = content.field.sites == Sites::Office;
            end.push(self.sentence(dice, if is_office { &words.hours } else { &words.shifts }));
        }
        if dice.happens(42) {
            end.push(self.sentence(dice, &words.pay));
        }
        if length == Length::Long {
            let count = 1 + dice.below(3) as usize;
            end.extend(dice.sample(&words.long, count).into_iter().map(|sentence| self.slots.fill(sentence)));
        }
        if length != Length::Short && dice.happens(700) {
            let count = dice.between(2, 5) as usize;
            let benefits =
                dice.sample(&words.benefits, count).into_iter().map(|benefit| (*benefit).to_owned());
            parts.push(Part::List(dice.word(&words.benefits_heading), benefits.collect(), "We offer "));
        }
        if length != Length::Short && dice.happens(650) {
            end.push(self.sentence(dice, &words.closing));
        }
        if !end.is_empty() {
            parts.push(Part::Paragraph(end));
        }
        parts
    }

    fn needs(&self, length: Length, dice: &mut Dice) -> Vec<String> {
        let words = self.phrases;
        let level = match self.slots.content.level.step {
            Step::Intern => &words.intern,
            Step::Entry => &words.entry,
            Step::Mid => &words.mid,
            Step::Senior => &words.senior,
            Step::Lead => &words.lead,
        };
        let mut needs = vec![self.sentence(dice, level), self.sentence(dice, &words.skills)];
        if length != Length::Short {
            needs.insert(0, self.sentence(dice, &words.study));
            let count = dice.below(3) as usize;
            needs.extend(dice.sample(&words.traits, count).into_iter().map(|&trait_| trait_.to_owned()));
        }
        needs
    }
}

impl Part {
    fn render(&self, style: Style) -> String {
        match (self, style) {
            (Self::Paragraph(sentences), Style::Html) => format!("<p>{}</p>", escaped(&sentences.join(" "))),
            (Self::Paragraph(sentences), Style::Bullets(_) | Style::Loud) => {
                format!("{}\n", sentences.join(" "))
            }
            (Self::Paragraph(sentences), Style::Prose | Style::Plain) => sentences.join(" "),
            (Self::List(heading, items, _), Style::Html) => {
                let items = items.iter().map(|item| format!("<li>{}</li>", escaped(&capitalised(item))));
                format!("<p><strong>{heading}</strong></p><ul>{}</ul>", items.collect::<String>())
            }
            (Self::List(heading, items, _), Style::Bullets(mark)) => {
                format!("{heading}:\n{}", marked(items, mark))
            }
            (Self::List(heading, items, _), Style::Loud) => {
                format!("{}\n{}", heading.to_uppercase(), marked(items, "- "))
            }
            // The items are complete sentences.
            (Self::List(_, items, ""), _) => items.join(" "),
            (Self::List(_, items, beginning), _) => {
                let items: Vec<String> = items.iter().map(|item| lowered(item)).collect();
                format!("{beginning}{}.", joined(&items, "and"))
            }
        }
    }
}

fn marked(items: &[String], mark: &str) -> String {
    let lines: Vec<String> = items.iter().map(|item| format!("{mark}{}\n", capitalised(item))).collect();
    lines.concat()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace("  ", "&nbsp; ")
}

/// `a, b and c`.
fn joined<T: AsRef<str>>(items: &[T], last: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., end] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", first.join(", "), end.as_ref())
        }
    }
}

fn capitalised(text: &str) -> String {
    let Some(first) = text.chars().next() else { return String::new() };
    let mut sentence = String::with_capacity(text.len() + 2);
    sentence.extend(first.to_uppercase());
    sentence.push_str(&text[first.len_utf8()..]);
    sentence
}

/// The text with a lower-case first letter for use within a sentence; words in capitals are unchanged.
fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(text[first.len_utf8()..].chars()).collect()
        }
        _ => text.to_owned(),
    }
}

/// The title with `a` or `an`, by its first sound: "an HR Manager", "a UX Designer".
fn with_article(title: &str) -> String {
    let beginnings = ["A", "E", "I", "O", "HR ", "NOC ", "Underwriter"];
    let article = if beginnings.iter().any(|sound| title.starts_with(sound)) { "an" } else { "a" };
    format!("{article} {title}")
}

/// The values of the slots of a sentence.
struct Slots<'a> {
    content: &'a Content<'a>,
    years: String,
    skills: String,
}

impl Slots<'_> {
    fn fill(&self, sentence: &str) -> String {
        let mut text = String::with_capacity(sentence.len() + 40);
        let mut rest = sentence;
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            text.push_str(&self.value(slot));
            rest = after;
        }
        text.push_str(rest);
        capitalised(&text)
    }

    fn value(&self, slot: &str) -> Cow<'_, str> {
        let content = self.content;
        Cow::Borrowed(match slot {
            "low" => return format!("{:.0}", content.pay.0).into(),
            "high" => return format!("{:.0}", content.pay.1).into(),
            "industry" => return content.industry.name.to_lowercase().into(),
            "a role" => return with_article(content.role.title).into(),
            "company" => &content.employer.name,
            "does" => content.industry.does,
            "size" => content.employer.size,
            "role" => content.role.title,
            "team" => content.field.team,
            "place" => content.place.town,
            "specialism" => content.specialism.unwrap_or(content.field.team),
            "study" => content.field.study,
            "years" => &self.years,
            "skills" => &self.skills,
            // A test checks that the vocabulary uses no other slot.
            _ => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::vocabulary::Vocabulary;

    #[test]
    fn the_vocabulary_uses_only_known_slots() {
        let known = [
            "low",
            "high",
            "company",
            "does",
            "industry",
            "size",
            "role",
            "a role",
            "team",
            "place",
            "specialism",
            "study",
            "years",
            "skills",
        ];
        let file = include_str!("vocabulary/phrases.txt");
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            for part in line.split('{').skip(1) {
                let (slot, _) = part.split_once('}').unwrap();
                assert!(known.contains(&slot), "{line}");
            }
        }
        assert!(Vocabulary::parse().is_ok());
    }

    #[test]
    fn lists_and_capitals_are_formatted() {
        assert_eq!(joined(&["a", "b", "c"], "and"), "a, b and c");
        assert_eq!(joined::<&str>(&[], "and"), "");
        assert_eq!(capitalised("élan"), "Élan");
        assert_eq!(lowered("Five-day week"), "five-day week");
        assert_eq!(lowered("CPF"), "CPF");
    }
}
