//! Error sentences of refused requests: `invalid X "Y": expected Z`.

use std::borrow::Cow;

use common::runtime::http_util::Problem;

/// Maximum length of a quoted value, in Unicode scalar values.
const QUOTED_CHARS: usize = 80;
/// Maximum length of a quoted unknown name.
const NAME_CHARS: usize = 100;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The invalid member or parameter; empty if the request as a whole is invalid.
    name: String,
    sentence: String,
}

impl Refusal {
    /// A refusal of the value of `name`.
    pub(crate) fn invalid(name: &str, expected: &str) -> Self {
        let name = cut(name, NAME_CHARS).into_owned();
        Self { sentence: format!("invalid {name}: expected {expected}"), name }
    }

    /// A refusal of the text `value` of `name`.
    pub(crate) fn invalid_text(name: &str, value: &str, expected: &str) -> Self {
        let sentence = format!("invalid {name} {:?}: expected {expected}", cut(value, QUOTED_CHARS));
        Self { sentence, name: name.to_owned() }
    }

    /// A refusal of the object at `path`; the request itself is called `whole`.
    pub(crate) fn invalid_at(path: &str, whole: &str, expected: &str) -> Self {
        let subject = if path.is_empty() { whole } else { path };
        Self { name: path.to_owned(), sentence: format!("invalid {subject}: expected {expected}") }
    }

    /// A refusal of the request as a whole.
    pub(crate) fn whole(sentence: impl Into<String>) -> Self {
        Self { name: String::new(), sentence: sentence.into() }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::bad_request(refusal.sentence);
        if refusal.name.is_empty() { problem } else { problem.with("member", refusal.name) }
    }
}

/// Terms for the named values of a request and for the request as a whole.
pub(super) struct Words {
    one: &'static str,
    whole: &'static str,
}

pub(super) const MEMBER: Words = Words { one: "member", whole: "body" };
pub(super) const PARAMETER: Words = Words { one: "parameter", whole: "query string" };

impl Words {
    /// The refusal for serde's error `message` at `path`.
    ///
    /// serde's errors are plain text, in the forms of the constructors of [`serde::de::Error`].
    pub(super) fn refusal(&self, path: &str, message: &str) -> Refusal {
        let path = if path == "." { "" } else { path };
        let Self { one, whole } = self;
        let (text, expected) = message.rsplit_once(", expected ").unwrap_or((message, ""));
        if text.starts_with("unknown field ") {
            let expected = if expected.is_empty() { "none".into() } else { expected.replace('`', "") };
            let name = cut(path, NAME_CHARS).into_owned();
            return Refusal { sentence: format!("invalid {one} {name:?}: expected {expected}"), name };
        }
        if let Some(field) = message.strip_prefix("missing field ") {
            let name = join(path, field);
            return Refusal { sentence: format!("missing {one} {name:?}: expected a value for it"), name };
        }
        if let Some(field) = message.strip_prefix("duplicate field") {
            let name = if field.is_empty() { path.to_owned() } else { join(path, field) };
            return Refusal { sentence: format!("invalid {one} {name:?}: expected it once"), name };
        }
        let subject = if path.is_empty() { whole } else { path };
        let sentence = if let Some(length) = text.strip_prefix("invalid length ") {
            format!("invalid {subject} of length {length}: expected {expected}")
        } else if let Some(value) =
            text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "))
        {
            format!("invalid {subject} {}: expected {expected}", shown(value))
        } else {
            format!("invalid {subject}: {message}")
        };
        Refusal { name: path.to_owned(), sentence }
    }
}

/// The path of the member `field` of the object at `path`; `field` is in backticks.
fn join(path: &str, field: &str) -> String {
    let field = field.trim().trim_matches('`');
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// A value as the client wrote it, from the text of [`serde::de::Unexpected`].
fn shown(unexpected: &str) -> Cow<'_, str> {
    if let Some(quoted) = unexpected.strip_prefix("string ") {
        let is_long = quoted.chars().nth(QUOTED_CHARS + 2).is_some();
        return if is_long {
            format!("{}…\"", cut(quoted, QUOTED_CHARS + 1)).into()
        } else {
            quoted.into()
        };
    }
    match unexpected {
        "sequence" => "[…]".into(),
        "map" => "{…}".into(),
        other => other.split('`').nth(1).unwrap_or(other).into(),
    }
}

/// The first `most` characters of `text`.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]).into()
}
