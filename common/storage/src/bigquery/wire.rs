//! A page of the result of an ad-hoc query in the API's JSON format. Typed, because generic JSON would take an object
//! for each element of a vector, and some hundred megabytes for a page.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

#[derive(serde::Deserialize)]
pub(super) struct Page {
    pub(super) schema: Option<Schema>,
    #[serde(default)]
    pub(super) rows: Vec<Row>,
    #[serde(rename = "pageToken")]
    pub(super) next: Option<String>,
    #[serde(rename = "totalRows")]
    pub(super) total: Option<String>,
}

#[derive(serde::Deserialize)]
pub(super) struct Schema {
    pub(super) fields: Vec<Value>,
}

#[derive(serde::Deserialize)]
pub(super) struct Row {
    #[serde(rename = "f")]
    pub(super) cells: Vec<Wrapped>,
}

#[derive(serde::Deserialize)]
pub(super) struct Wrapped {
    #[serde(rename = "v")]
    pub(super) value: Raw,
}

/// A cell's value: scalars of all types are text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Raw {
    #[default]
    Null,
    Text(String),
    List(Vec<Raw>),
    /// A structure.
    Other(Value),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a cell")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Raw, A::Error> {
        let mut values = Vec::with_capacity(elements.size_hint().unwrap_or_default());
        while let Some(Wrapped { value }) = elements.next_element()? {
            values.push(value);
        }
        Ok(Raw::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Raw, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Raw::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_every_kind_are_read() {
        let text = r#"{"rows": [{"f": [{"v": null}, {"v": "x"}, {"v": [{"v": "0.5"}, {"v": null}]}, {"v": {"f": []}}]}]}"#;
        let page: Page = serde_json::from_str(text).unwrap();
        let cells: Vec<Raw> =
            page.rows.into_iter().flat_map(|row| row.cells).map(|cell| cell.value).collect();
        let list = Raw::List(vec![Raw::Text("0.5".into()), Raw::Null]);
        assert_eq!(cells, [Raw::Null, Raw::Text("x".into()), list, Raw::Other(serde_json::json!({"f": []}))]);
        assert!(page.next.is_none() && page.schema.is_none());
    }
}
