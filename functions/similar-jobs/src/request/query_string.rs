//! A serde deserializer of query strings.

use percent_encoding::percent_decode_str;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::Refusal;

/// Names in order of appearance, each with its values, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, Vec<String>)>);

impl Parameters {
    /// Decodes `query`.
    ///
    /// # Errors
    /// A refusal if a name or a value is not UTF-8.
    pub(super) fn decode(query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (raw_name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let refused = |()| Refusal::invalid(raw_name, "percent-encoded UTF-8");
            let name = decode(&raw_name.replace('+', " ")).map_err(refused)?;
            let value = decode(&value.replace('+', " ")).map_err(refused)?;
            match parameters.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => parameters.0.push((name, vec![value])),
            }
        }
        Ok(parameters)
    }

    /// The parameters as a map.
    pub(super) fn into_deserializer<'de>(self) -> impl Deserializer<'de, Error = Error> {
        MapDeserializer::new(self.0.into_iter().map(|(name, values)| (name, Values(values))))
    }
}

/// The values of one parameter: a list if the type expects a list, otherwise a single value of the expected type.
struct Values(Vec<String>);

impl Values {
    fn single(mut self) -> Result<String, Error> {
        match (self.0.pop(), self.0.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(Error::custom("duplicate field")),
        }
    }
}

impl IntoDeserializer<'_, Error> for Values {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.single()?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.single()?;
        match value.parse() {
            Ok(flag) => visitor.visit_bool(flag),
            Err(_) => visitor.visit_string(value),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.single()?;
        // Rust would also accept a leading plus sign.
        let is_plain = value.bytes().all(|digit| digit.is_ascii_digit());
        match value.parse() {
            Ok(number) if is_plain => visitor.visit_u64(number),
            _ => visitor.visit_string(value),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.single()?;
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() => visitor.visit_f64(number),
            _ => visitor.visit_string(value),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(self.0.into_iter()))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char str string bytes byte_buf option unit unit_struct newtype_struct
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Decodes percent-encoding.
///
/// # Errors
/// `()` if the bytes are not UTF-8.
pub(crate) fn decode(text: &str) -> Result<String, ()> {
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| ())
}
