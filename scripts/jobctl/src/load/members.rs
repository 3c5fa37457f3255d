//! Looks up members of JSON objects by dotted paths.

use serde_json::{Map, Value as Json};

use super::plan::is_same_name;
use super::value::Value;

/// Maximum depth of the paths that errors list.
const MAX_LISTED_DEPTH: usize = 3;

/// The path of a value in an object: `title`, or `salary.type.salaryType`.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    parts: Vec<String>,
}

impl Member {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), parts: name.split('.').map(str::to_owned).collect() }
    }

    /// Returns whether the value may be in the member `name`: if that is the whole path (a name with dots) or its first
    /// part.
    pub(super) fn begins_with(&self, name: &str) -> bool {
        is_same_name(&self.name, name) || is_same_name(&self.parts[0], name)
    }

    /// Looks up the value in `json`, the value of the member `name`.
    pub(super) fn find<'a>(&self, name: &str, json: &'a Json) -> Option<Value<'a>> {
        if is_same_name(&self.name, name) {
            return Some(plain(json));
        }
        let mut leaves = Vec::new();
        let is_through_list = collect(json, &self.parts[1..], &mut leaves);
        match leaves[..] {
            [] => None,
            [only] if !is_through_list && !only.is_array() => Some(plain(only)),
            _ => Some(joined(&leaves)),
        }
    }
}

/// Collects the values at the path `parts`; returns whether the path leads through a list.
fn collect<'a>(json: &'a Json, parts: &[String], leaves: &mut Vec<&'a Json>) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        leaves.push(json);
        return false;
    };
    match json {
        Json::Object(object) => match member(object, part) {
            Some(inner) => collect(inner, rest, leaves),
            None => false,
        },
        Json::Array(elements) => {
            if let Ok(index) = part.parse::<usize>() {
                return elements.get(index).is_some_and(|element| collect(element, rest, leaves));
            }
            for element in elements {
                collect(element, parts, leaves);
            }
            true
        }
        _ => false,
    }
}

fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(known, _)| is_same_name(known, name)).map(|(_, value)| value))
}

/// Joins distinct strings and numbers with commas; NULL if there are none.
fn joined(leaves: &[&Json]) -> Value<'static> {
    let mut words: Vec<String> = Vec::new();
    for leaf in leaves {
        let elements =
            if let Json::Array(elements) = leaf { &elements[..] } else { std::slice::from_ref(*leaf) };
        for element in elements {
            let word = match element {
                Json::Null => continue,
                Json::String(text) => text.clone(),
                Json::Number(number) => number.to_string(),
                other => return Value::Other(if other.is_object() { "a list of objects" } else { "a list" }),
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    if words.is_empty() { Value::Null } else { Value::Text(words.join(", ").into()) }
}

fn plain(value: &Json) -> Value<'_> {
    match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::Integer(integer.into()),
            (_, Some(integer)) => Value::Integer(integer.into()),
            _ => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => Value::Other(kind(other)),
    }
}

/// Name of the JSON type of a value in errors.
pub(super) fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// The list at `path`.
pub(super) fn list_of<'a>(document: &'a Json, path: &[String]) -> Option<&'a Vec<Json>> {
    let inner = path.iter().try_fold(document, |json, part| member(json.as_object()?, part))?;
    inner.as_array()
}

/// Removes the list at `path` from the document; empty if there is none.
pub(super) fn take_list(mut document: Json, path: &[String]) -> Vec<Json> {
    let mut inner = &mut document;
    for part in path {
        let Json::Object(object) = inner else { return Vec::new() };
        let name = object
            .keys()
            .find(|name| *name == part)
            .or_else(|| object.keys().find(|name| is_same_name(name, part)));
        let Some(next) = name.cloned().and_then(|name| object.get_mut(&name)) else { return Vec::new() };
        inner = next;
    }
    if let Json::Array(elements) = inner { std::mem::take(elements) } else { Vec::new() }
}

/// The paths of the values of an object, down to [`MAX_LISTED_DEPTH`].
pub(super) fn paths(object: &Map<String, Json>) -> Vec<String> {
    fn collect(object: &Map<String, Json>, before: &str, depth: usize, paths: &mut Vec<String>) {
        for (name, value) in object {
            let path = format!("{before}{name}");
            match value {
                Json::Object(inner) if depth > 1 => collect(inner, &format!("{path}."), depth - 1, paths),
                _ => paths.push(path),
            }
        }
    }
    let mut all = Vec::new();
    collect(object, "", MAX_LISTED_DEPTH, &mut all);
    all
}

/// Path and length of the longest list of objects in a document.
pub(super) fn longest_list(object: &Map<String, Json>) -> Option<(String, usize)> {
    let lists = lists(object, "", MAX_LISTED_DEPTH);
    lists.into_iter().map(|(name, list)| (name, list.len())).max_by_key(|(_, length)| *length)
}

/// The first object of the longest list of objects in a document.
pub(super) fn first_of_list(object: &Map<String, Json>) -> Option<&Map<String, Json>> {
    lists(object, "", MAX_LISTED_DEPTH).into_iter().max_by_key(|(_, list)| list.len())?.1.first()?.as_object()
}

fn lists<'a>(object: &'a Map<String, Json>, before: &str, depth: usize) -> Vec<(String, &'a Vec<Json>)> {
    let mut all = Vec::new();
    for (name, value) in object {
        let path = format!("{before}{name}");
        match value {
            Json::Array(list) if list.first().is_some_and(Json::is_object) => all.push((path, list)),
            Json::Object(inner) if depth > 1 => all.extend(lists(inner, &format!("{path}."), depth - 1)),
            _ => {}
        }
    }
    all
}

/// Quotes every bare `NaN`, `Infinity` and `-Infinity` outside of strings, which are not JSON. Columns then read the
/// strings as in a CSV file. Returns `None` if there are none.
pub(super) fn quote_non_finite(item: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut quoted = Vec::with_capacity(item.len());
    let (mut at, mut in_string, mut is_changed) = (0, false, false);
    while at < item.len() {
        match item[at] {
            b'\\' if in_string => {
                quoted.push(item[at]);
                at += 1;
                if let Some(next) = item.get(at) {
                    quoted.push(*next);
                }
            }
            b'"' => {
                in_string = !in_string;
                quoted.push(b'"');
            }
            _ if !in_string && let Some(word) = WORDS.iter().find(|word| item[at..].starts_with(word)) => {
                quoted.push(b'"');
                quoted.extend(*word);
                quoted.push(b'"');
                (is_changed, at) = (true, at + word.len() - 1);
            }
            byte => quoted.push(byte),
        }
        at += 1;
    }
    is_changed.then_some(quoted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str, object: &Json) -> Option<Value<'static>> {
        let member = Member::new(path);
        let object = object.as_object().unwrap();
        let (name, json) = object.iter().find(|(name, _)| member.begins_with(name))?;
        member.find(name, json).map(|value| match value {
            Value::Text(text) => Value::Text(text.into_owned().into()),
            Value::Integer(number) => Value::Integer(number),
            Value::Other(what) => Value::Other(what),
            _ => Value::Null,
        })
    }

    #[test]
    fn paths_lead_through_members_and_lists() {
        let object = json!({
            "a": {"b": {"C": 7}}, "x.y": "whole", "tags": ["p", "q", "p"], "none": null, "deep": [{"k": [1, 2]}, {"k": [3]}, {}],
        });
        let text = |text: &'static str| Some(Value::Text(text.into()));
        for (path, expected) in [
            ("a.b.c", Some(Value::Integer(7))),
            ("x.y", text("whole")),
            ("deep.k", text("1, 2, 3")),
            ("deep.1.k", text("3")),
            ("deep.7.k", None),
            ("tags.0", text("p")),
            ("tags", Some(Value::Other("a list"))),
            ("a.b", Some(Value::Other("an object"))),
            ("a.b.c.d", None),
            ("none.b", None),
        ] {
            assert_eq!(found(path, &object), expected, "{path}");
        }
    }

    #[test]
    fn bare_non_finite_numbers_are_quoted_and_strings_unchanged() {
        let quoted =
            quote_non_finite(br#"{"a": NaN, "b": "NaN \"NaN", "c": [-Infinity, Infinity]}"#).unwrap();
        assert_eq!(quoted, br#"{"a": "NaN", "b": "NaN \"NaN", "c": ["-Infinity", "Infinity"]}"#);
        assert_eq!(quote_non_finite(br#"{"b": "NaN"}"#), None);
    }

    #[test]
    fn lists_of_a_document_are_found() {
        let document = json!({"data": {"jobs": [{"id": 1}, {"id": 2}]}, "ads": [{"x": 1}], "n": [1, 2, 3]});
        assert_eq!(longest_list(document.as_object().unwrap()), Some(("data.jobs".to_owned(), 2)));
        let path = ["data".to_owned(), "Jobs".to_owned()];
        assert_eq!(list_of(&document, &path).unwrap().len(), 2);
        assert_eq!(take_list(document, &path).len(), 2);
    }
}
