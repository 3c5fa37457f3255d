//! Types of members and parameters. Each describes its valid values in `expecting`; this text ends the sentence of
//! a refusal.
//!
//! Optional values are parsed by [`some`], so that `null` is refused like any other value of a wrong type.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use common::job::Timestamp;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

/// Parses an optional value that is present.
pub(crate) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A string that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) String);

/// A non-blank string or a non-empty list of them: the alternatives of a filter in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// Ids of clusters, which are numbers, or names, or a non-empty list of both, in JSON. Ids are kept as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClusterWords(pub(crate) Vec<String>);

/// The values of a parameter that may be repeated; none is blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repeated(pub(crate) Vec<String>);

/// A non-blank text of at most `MOST` Unicode scalar values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<const MOST: usize>(pub(crate) String);

/// `true` or `false`, by default `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

/// A whole number from 1 to `MOST`, by default `DEFAULT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<const MOST: usize, const DEFAULT: usize>(usize);

/// A cosine: -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Similarity(pub(crate) f32);

/// An amount of money, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount(pub(crate) f64);

/// A moment; a date means its first moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

/// A vector, scaled to length 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitVector(pub(crate) Vec<f32>);

/// A JSON object as `T`. A struct that derives `Deserialize` would also accept a list of its members' values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object<T>(pub(crate) T);

/// A list of 1 to `MOST` elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List<T, const MOST: usize>(pub(crate) Vec<T>);

impl<const MOST: usize, const DEFAULT: usize> Count<MOST, DEFAULT> {
    pub(crate) fn get(self) -> usize {
        self.0
    }
}

impl<const MOST: usize, const DEFAULT: usize> Default for Count<MOST, DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

/// Parses a string with `read`, of at most `MOST` characters unless `MOST` is 0. `{}` in `expected` is replaced by
/// `MOST`.
struct Str<T, const MOST: usize = 0> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T, const MOST: usize> Visitor<'_> for Str<T, MOST> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(out, self.expected, MOST)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let chars = text.chars().count();
        if MOST > 0 && chars > MOST {
            return Err(E::invalid_length(chars, &self));
        }
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Parses a number with `read`; `expected` is as for [`Str`]. JSON does not distinguish integers from other
/// numbers: 10.0 is 10.
struct Number<T, const MOST: usize = 0> {
    expected: &'static str,
    read: fn(f64) -> Option<T>,
}

impl<T, const MOST: usize> Number<T, MOST> {
    fn read<E: Error>(self, number: f64, given: Unexpected<'_>) -> Result<T, E> {
        (self.read)(number).ok_or_else(|| E::invalid_value(given, &self))
    }
}

impl<T, const MOST: usize> Visitor<'_> for Number<T, MOST> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(out, self.expected, MOST)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.read(number as f64, Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.read(number as f64, Unexpected::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.read(number, Unexpected::Float(number))
    }
}

/// Parses a list with `read`; `expected` is as for [`Str`].
struct Elements<T, U, const MOST: usize = 0> {
    expected: &'static str,
    read: fn(Vec<T>) -> Option<U>,
}

impl<'de, T: Deserialize<'de>, U, const MOST: usize> Visitor<'de> for Elements<T, U, MOST> {
    type Value = U;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(out, self.expected, MOST)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<U, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        let length = elements.len();
        (self.read)(elements).ok_or_else(|| A::Error::invalid_length(length, &self))
    }
}

fn expecting(out: &mut fmt::Formatter<'_>, expected: &str, most: usize) -> fmt::Result {
    match expected.split_once("{}") {
        Some((start, end)) => write!(out, "{start}{most}{end}"),
        None => out.write_str(expected),
    }
}

fn word(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = Str::<_> { expected: "a string that is not blank", read: |text| word(text).map(Self) };
        deserializer.deserialize_str(visitor)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Words;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string that is not blank, or a list of one or more such strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                let invalid = || E::invalid_value(Unexpected::Str(text), &self);
                word(text).map(|word| Words(vec![word])).ok_or_else(invalid)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Words, A::Error> {
                let Repeated(words) = Repeated::deserialize(SeqAccessDeserializer::new(list))?;
                if words.is_empty() { Err(A::Error::invalid_length(0, &self)) } else { Ok(Words(words)) }
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl<'de> Deserialize<'de> for ClusterWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An id or a name; with `IS_LIST` also a list of them.
        struct IdOrName<const IS_LIST: bool>;

        struct Element(String);

        impl<'de> Deserialize<'de> for Element {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(IdOrName::<false>).map(|mut one| Self(one.swap_remove(0)))
            }
        }

        impl<'de, const IS_LIST: bool> Visitor<'de> for IdOrName<IS_LIST> {
            type Value = Vec<String>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("the id or the name of a cluster")?;
                if IS_LIST { out.write_str(", or a list of one or more of them") } else { Ok(()) }
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Vec<String>, E> {
                Ok(vec![id.to_string()])
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
                let invalid = || E::invalid_value(Unexpected::Str(text), &self);
                word(text).map(|word| vec![word]).ok_or_else(invalid)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<String>, A::Error> {
                if !IS_LIST {
                    return Err(A::Error::invalid_type(Unexpected::Seq, &self));
                }
                let words: Vec<Element> = Deserialize::deserialize(SeqAccessDeserializer::new(list))?;
                if words.is_empty() {
                    return Err(A::Error::invalid_length(0, &self));
                }
                Ok(words.into_iter().map(|Element(word)| word).collect())
            }
        }

        deserializer.deserialize_any(IdOrName::<true>).map(Self)
    }
}

impl<'de> Deserialize<'de> for Repeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |words: Vec<Word>| Some(Self(words.into_iter().map(|Word(word)| word).collect()));
        deserializer.deserialize_seq(Elements::<_, _> { expected: "strings that are not blank", read })
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Text<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a text of at most {} characters that is not blank";
        deserializer.deserialize_str(Str::<_, MOST> { expected, read: |text| word(text).map(Self) })
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TrueOrFalse;

        impl Visitor<'_> for TrueOrFalse {
            type Value = Flag;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("true or false")
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(flag))
            }
        }

        deserializer.deserialize_bool(TrueOrFalse)
    }
}

impl<'de, const MOST: usize, const DEFAULT: usize> Deserialize<'de> for Count<MOST, DEFAULT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |number: f64| {
            let is_count = number.fract() == 0.0 && (1.0..=MOST as f64).contains(&number);
            is_count.then_some(Self(number as usize))
        };
        deserializer.deserialize_u64(Number::<_, MOST> { expected: "a whole number from 1 to {}", read })
    }
}

impl<'de> Deserialize<'de> for Similarity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |number: f64| (-1.0..=1.0).contains(&number).then_some(Self(number as f32));
        deserializer.deserialize_f64(Number::<_> { expected: "a number from -1 to 1", read })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |number: f64| (number.is_finite() && number >= 0.0).then_some(Self(number));
        deserializer.deserialize_f64(Number::<_> { expected: "an amount of 0 or more", read })
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a date such as 2025-01-31 or a moment such as 2025-01-31T08:00:00Z";
        deserializer.deserialize_str(Str::<_> { expected, read: |text| moment(text).map(Self) })
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let day = || {
        let is_padded = text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit());
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_padded)?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc));
    moment.or_else(day)
}

/// An element of a vector.
struct Component(f64);

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Number::<_> { expected: "a number", read: |number| Some(Self(number)) })
    }
}

impl<'de> Deserialize<'de> for UnitVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a list of numbers that are not all 0";
        let read = |numbers: Vec<Component>| unit(&numbers).map(Self);
        deserializer.deserialize_seq(Elements::<_, _> { expected, read })
    }
}

/// `numbers`, which are finite, scaled to length 1; `None` if all are zero.
fn unit(numbers: &[Component]) -> Option<Vec<f32>> {
    let numbers = numbers.iter().map(|Component(number)| number);
    let largest = numbers.clone().fold(0.0, |largest: f64, number| largest.max(number.abs()));
    if largest == 0.0 {
        return None;
    }
    // Scaled first, because the squares of very large and very small numbers overflow and underflow.
    let scaled = numbers.map(|number| number / largest);
    let length = scaled.clone().map(|number| number * number).sum::<f64>().sqrt();
    Some(scaled.map(|number| (number / length) as f32).collect())
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |elements: Vec<T>| (1..=MOST).contains(&elements.len()).then_some(Self(elements));
        deserializer.deserialize_seq(Elements::<_, _, MOST> { expected: "a list of 1 to {}", read })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}
