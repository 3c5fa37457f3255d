//! Markup that is escaped by its type, sections, and the page around them.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::table::Table;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Markup in which every text is escaped. The page is also well-formed XML: each element is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Html(String);

impl Html {
    /// A text, escaped.
    pub fn text(text: &str) -> Self {
        Self(escape(text))
    }

    /// Markup that the caller has made of constants and escaped texts.
    pub(super) fn raw(markup: String) -> Self {
        Self(markup)
    }

    /// Adds markup at the end.
    pub fn push(&mut self, more: &Self) {
        self.0.push_str(&more.0);
    }

    /// The markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if the markup has a length of zero bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `text` for use between tags and in quoted attributes. Characters that XML forbids or that turn the direction of the
/// texts around them are replaced by U+FFFD.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most `most` characters of `text`, with an ellipsis if some are left out.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// What a callout says about the sentence in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good news.
    Good,
    /// Something to know.
    Note,
    /// Something to be careful about.
    Warning,
}

impl Tone {
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("good", "Good"),
            Self::Note => ("note", "Note"),
            Self::Warning => ("warning", "Caution"),
        }
    }
}

/// A chapter of the page. A section without content is left out of the page and of its table of contents.
#[derive(Debug, Clone)]
pub struct Section {
    id: &'static str,
    title: &'static str,
    body: Html,
}

impl Section {
    /// An empty section; `id` is its address in the page.
    pub fn new(id: &'static str, title: &'static str) -> Self {
        Self { id, title, body: Html::default() }
    }

    /// Returns whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Adds markup.
    pub fn html(&mut self, html: &Html) {
        self.body.push(html);
    }

    fn element(&mut self, name: &str, text: &str) {
        self.body.push(&Html(format!("<{name}>{}</{name}>\n", escape(text))));
    }

    /// Adds a heading below the section's title.
    pub fn heading(&mut self, text: &str) {
        self.element("h3", text);
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.element("p", text);
    }

    /// Adds a list of sentences, unless there are none.
    pub fn list<T: AsRef<str>>(&mut self, items: &[T]) {
        if !items.is_empty() {
            self.body.0.push_str("<ul>");
            for item in items {
                let _ = write!(self.body.0, "<li>{}</li>", escape(item.as_ref()));
            }
            self.body.0.push_str("</ul>\n");
        }
    }

    /// Adds a sentence in a box.
    pub fn callout(&mut self, tone: Tone, text: &str) {
        let (class, label) = tone.parts();
        let text = escape(text);
        self.body.push(&Html(format!("<p class=\"callout {class}\"><strong>{label}.</strong> {text}</p>\n")));
    }

    /// Adds a table, unless it has no rows.
    pub fn table(&mut self, table: &Table) {
        self.body.push(&table.html());
    }

    /// Adds a table that is folded away until it is opened or printed, unless it has no rows.
    pub fn folded_table(&mut self, table: &Table) {
        let html = table.html();
        if !html.is_empty() {
            let summary = escape(table.caption());
            self.body
                .push(&Html(format!("<details><summary>{summary}</summary>\n{}</details>\n", html.as_str())));
        }
    }

    /// Adds figures of [`charts`](super::charts), beside each other where the page is wide enough.
    pub fn figures(&mut self, figures: &[Html]) {
        if figures.iter().any(|figure| !figure.is_empty()) {
            let class = if figures.len() > 1 { "figures" } else { "figures one" };
            let _ = writeln!(self.body.0, "<div class=\"{class}\">");
            for figure in figures {
                self.body.push(figure);
            }
            self.body.0.push_str("</div>\n");
        }
    }

    /// Adds large numbers, each with a label and a note below it.
    pub fn cards(&mut self, cards: &[Card]) {
        if cards.is_empty() {
            return;
        }
        self.body.0.push_str("<dl class=\"cards\">");
        for card in cards {
            let [label, value, note] = [&card.label, &card.value, &card.note].map(|text| escape(text));
            let _ = write!(
                self.body.0,
                "<div><dt>{label}</dt><dd class=\"value\">{value}</dd><dd class=\"under\">{note}</dd></div>"
            );
        }
        self.body.0.push_str("</dl>\n");
    }

    /// Adds names with their values, leaving out pairs without a value.
    pub fn facts(&mut self, facts: &[(&str, &str)]) {
        let known = || facts.iter().filter(|(_, value)| !value.is_empty());
        if known().next().is_none() {
            return;
        }
        self.body.0.push_str("<dl class=\"facts\">");
        for (name, value) in known() {
            let _ = write!(self.body.0, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
        }
        self.body.0.push_str("</dl>\n");
    }
}

/// A large number with its label and a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What the number is.
    pub label: String,
    /// The number as text.
    pub value: String,
    /// For example its interval.
    pub note: String,
}

/// A page of sections.
#[derive(Debug, Clone)]
pub struct Page {
    /// Title of the page.
    pub title: String,
    /// A line below the title.
    pub subtitle: String,
    /// The sections; empty ones are left out.
    pub sections: Vec<Section>,
    /// A line at the end of the page.
    pub footer: String,
}

impl Page {
    /// The whole document.
    pub fn render(&self) -> String {
        let [title, subtitle, footer] = [&self.title, &self.subtitle, &self.footer].map(|text| escape(text));
        let sections: Vec<&Section> = self.sections.iter().filter(|section| !section.is_empty()).collect();
        let (mut contents, mut body) = (String::new(), String::new());
        for section in sections {
            let (id, name) = (section.id, escape(section.title));
            let _ = write!(contents, "<li><a href=\"#{id}\">{name}</a></li>");
            let content = section.body.as_str();
            let _ = write!(
                body,
                "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n\
                 <h2 id=\"{id}-title\">{name}</h2>\n{content}</section>\n"
            );
        }
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            source_hash(STYLE),
            source_hash(SCRIPT)
        );
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
             <header>\n<h1>{title}</h1>\n<p class=\"subtitle\">{subtitle}</p>\n</header>\n<div class=\"columns\">\n\
             <nav aria-label=\"Contents\">\n<h2>Contents</h2>\n<ol>{contents}</ol>\n</nav>\n\
             <main id=\"content\">\n{body}</main>\n</div>\n<footer><p>{footer}</p></footer>\n\
             <script>{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

/// The expression of a Content-Security-Policy that allows exactly `text`: `sha256-` and the hash in Base64.
fn source_hash(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut hash = String::from("sha256-");
    for bytes in Sha256::digest(text.as_bytes()).chunks(3) {
        let group = bytes.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - bytes.len()));
        for n in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * n)) as usize & 63];
            hash.push(if n > bytes.len() { '=' } else { char::from(digit) });
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(
            escape("<script>alert('a' & \"b\")</script>"),
            "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;"
        );
        assert_eq!(escape("a\u{0}b\u{202e}c\nd"), "a\u{fffd}b\u{fffd}c d");
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shorten("Accounting", 10), "Accounting");
        assert_eq!(shorten("Accounting and more", 12), "Accounting…");
        assert_eq!(shorten("ü".repeat(9).as_str(), 3), "üü…");
    }

    #[test]
    fn the_policy_has_the_hash_that_browsers_compute() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(source_hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn a_section_without_content_is_left_out() {
        let mut full = Section::new("full", "A full section");
        full.paragraph("1 < 2");
        full.list::<&str>(&[]);
        let empty = Section::new("empty", "An empty section");
        let page = Page {
            title: "T".to_owned(),
            subtitle: String::new(),
            sections: vec![full, empty],
            footer: String::new(),
        };
        let text = page.render();
        assert!(text.contains("<p>1 &lt; 2</p>") && text.contains("href=\"#full\""));
        assert!(!text.contains("An empty section") && !text.contains("<ul>"));
    }
}
