//! Strict parsing of requests with serde: an unknown or duplicate name is refused, never ignored.
//!
//! - [`json`] parses a body, [`query`] a query string, each into a struct with `deny_unknown_fields`
//! - [`values`]: the types of members and parameters, each with a description of its range
//! - [`query_string`]: a serde deserializer of query strings
//! - [`refusal`]: error sentences for serde's errors

mod query_string;
mod refusal;
pub(crate) mod values;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub(crate) use query_string::decode;
pub(crate) use refusal::Refusal;

use values::Object;

/// Parameters of an endpoint that has none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// Parses `body`, a JSON object, as `T`.
///
/// # Errors
/// A refusal that names the invalid member, or the line and column of a JSON syntax error.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let not_json = |error: serde_json::Error| Refusal::whole(format!("the body is not JSON: {error}"));
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.classify() != Category::Data {
            return not_json(error);
        }
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        refusal::MEMBER.refusal(&path, message.strip_suffix(&place).unwrap_or(&message))
    })?;
    deserializer.end().map_err(not_json)?;
    Ok(value)
}

/// Parses `query`, the part of a URL after `?`, as `T`.
///
/// # Errors
/// A refusal that names the invalid parameter.
pub(crate) fn query<T: DeserializeOwned>(query: Option<&str>) -> Result<T, Refusal> {
    let parameters = query_string::Parameters::decode(query.unwrap_or_default())?;
    serde_path_to_error::deserialize(parameters.into_deserializer()).map_err(|error| {
        let path = error.path().to_string();
        // serde numbers the values of a repeated parameter; the error contains only the parameter's name.
        let name =
            path.strip_suffix(']').and_then(|path| path.rsplit_once('[')).map_or(&*path, |(name, _)| name);
        refusal::PARAMETER.refusal(name, &error.inner().to_string())
    })
}
