//! A JSON body.

use serde_json::error::Category;
use serde_json::{Map, Value};

use super::once::Once;
use super::values::{self, Sentence, quoted};
use super::{Asked, DEFAULT_RESULTS, Key, MOST_QUERIES, MOST_RESULTS, Refusal, Similar, To};
use crate::search::Filter;

/// Reads one query, or `{"queries": […]}`.
///
/// # Errors
/// A refusal that names the member at fault, or the line and column where the body stops being JSON.
pub(crate) fn read(body: &[u8]) -> Result<Asked, Refusal> {
    let refused = |error: serde_json::Error| match error.classify() {
        Category::Data => Refusal::new("", format!("the body is not taken: {error}")),
        _ => Refusal::new("", format!("the body is not JSON: {error}")),
    };
    serde_json::from_slice::<Once>(body).map_err(refused)?;
    let value: Value = serde_json::from_slice(body).map_err(refused)?;
    let mut members = Members::of(value, String::new(), "the body")?;
    let Some(queries) = members.take("queries") else {
        return Ok(Asked::One(similar(members)?));
    };
    let at = members.path("queries");
    members.end("a batch has only queries")?;
    let Value::Array(queries) = queries else {
        return Err(Refusal::new(at, format!("{} is not a list", shown(&queries))));
    };
    if queries.is_empty() || queries.len() > MOST_QUERIES {
        return Err(Refusal::new(at, format!("a batch has 1 to {MOST_QUERIES}, not {}", queries.len())));
    }
    let queries = queries.into_iter().enumerate();
    let read =
        queries.map(|(index, query)| similar(Members::of(query, format!("{at}[{index}]"), "a query")?));
    Ok(Asked::Many(read.collect::<Result<_, _>>()?))
}

fn similar(mut members: Members) -> Result<Similar, Refusal> {
    let text = members.read("text", |value| values::text(string(value)?))?;
    let job = members.object("job", "a job", |mut job| {
        let mut name = |member| job.required(member, |value| values::word(string(value)?));
        let key = Key { source: name("source")?, job_id: name("job_id")? };
        job.end("a job has source and job_id").map(|()| key)
    })?;
    let embedding = members.read("embedding", vector)?;
    let hybrid = members.read("hybrid", |value| flag(&value))?.unwrap_or_default();
    let is_text = text.is_some();
    let mut given =
        [text.map(To::Text), job.map(To::Job), embedding.map(To::Embedding)].into_iter().flatten();
    let to = match (given.next(), given.next()) {
        (Some(to), None) => to,
        (None, _) => {
            return Err(members.refuse("a query has one of text, job and embedding, and this has none"));
        }
        _ => return Err(members.refuse("a query has one of text, job and embedding, not several")),
    };
    if hybrid && !is_text {
        return Err(Refusal::new(members.path("hybrid"), "only a query by text has words to look for"));
    }
    let query = Similar {
        to,
        top_k: members.read("top_k", |value| top_k(&value))?.unwrap_or(DEFAULT_RESULTS),
        filter: members.object("filter", "a filter", filter)?.unwrap_or_default(),
        min_similarity: members
            .read("min_similarity", |value| values::similarity(value.as_f64(), &shown(&value)))?,
        exact: members.read("exact", |value| flag(&value))?.unwrap_or_default(),
        include_reposts: members.read("include_reposts", |value| flag(&value))?.unwrap_or_default(),
        hybrid,
    };
    members.end(
        "a query has text, job or embedding, and top_k, filter, min_similarity, exact, include_reposts, hybrid",
    )?;
    Ok(query)
}

fn filter(mut members: Members) -> Result<Filter, Refusal> {
    let mut list = |name| members.read(name, strings).map(Option::unwrap_or_default);
    let filter = Filter {
        source: list("source")?,
        location: list("location")?,
        classification: list("classification")?,
        work_type: list("work_type")?,
        company: list("company")?,
        salary_min_sgd_per_month: members
            .read("salary_min_sgd_per_month", |value| values::salary(value.as_f64(), &shown(&value)))?,
        posted_after: members.read("posted_after", |value| values::moment(&string(value)?))?,
    };
    members.end(
        "a filter has source, location, classification, work_type, company, salary_min_sgd_per_month, posted_after",
    )?;
    Ok(filter)
}

fn string(value: Value) -> Result<String, Sentence> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("{} is not a string", shown(&other))),
    }
}

/// One string, or a list of them.
fn strings(value: Value) -> Result<Vec<String>, Sentence> {
    let values = match value {
        Value::Array(values) => values.into_iter().map(string).collect::<Result<_, _>>()?,
        Value::String(value) => vec![value],
        other => return Err(format!("{} is not a string or a list of strings", shown(&other))),
    };
    values::alternatives(values)
}

fn flag(value: &Value) -> Result<bool, Sentence> {
    value.as_bool().ok_or_else(|| format!("{} is not true or false", shown(value)))
}

fn top_k(value: &Value) -> Result<usize, Sentence> {
    // JSON knows no integers: 10.0 is 10.
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    let whole = values::whole(number.map(|number| number as u64), &shown(value), 1, MOST_RESULTS)?;
    Ok(whole as usize)
}

fn vector(value: Value) -> Result<Vec<f32>, Sentence> {
    let Value::Array(values) = value else {
        return Err(format!("{} is not a list of numbers", shown(&value)));
    };
    let number = |(index, value): (usize, &Value)| {
        value.as_f64().ok_or_else(|| format!("number {index} is {}, which is none", shown(value)))
    };
    let numbers: Vec<f64> = values.iter().enumerate().map(number).collect::<Result<_, _>>()?;
    values::unit(&numbers)
}

/// A value as its sender wrote it, or what kind of thing it is.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        plain => plain.to_string(),
    }
}

/// A JSON object whose members are taken one by one; what is left over is unknown.
struct Members {
    members: Map<String, Value>,
    /// Where the object stands in the body; empty at the top.
    path: String,
}

impl Members {
    fn of(value: Value, path: String, what: &str) -> Result<Self, Refusal> {
        match value {
            Value::Object(members) => Ok(Self { members, path }),
            other => Err(Refusal::new(path, format!("{what} is a JSON object, not {}", shown(&other)))),
        }
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A refusal of the object as a whole.
    fn refuse(&self, sentence: &str) -> Refusal {
        Refusal::new(self.path.as_str(), sentence)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, Sentence>,
    ) -> Result<Option<T>, Refusal> {
        let value = self.take(name);
        value.map(|value| read(value).map_err(|sentence| Refusal::new(self.path(name), sentence))).transpose()
    }

    fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, Sentence>,
    ) -> Result<T, Refusal> {
        self.read(name, read)?.ok_or_else(|| Refusal::new(self.path(name), "it is missing"))
    }

    fn object<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(Self) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        let value = self.take(name);
        value.map(|value| read(Self::of(value, self.path(name), what)?)).transpose()
    }

    /// Refuses what is left over, by name.
    fn end(self, known: &str) -> Result<(), Refusal> {
        let Some(first) = self.members.keys().next() else { return Ok(()) };
        let name: String = self.path(first).chars().take(100).collect();
        Err(Refusal::new(name, format!("there is no such member; {known}")))
    }
}
