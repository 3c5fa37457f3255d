//! Requests, read by serde's derive and strictly: an unknown or repeated name is refused, never ignored.
//!
//! - [`json`] reads a body, [`query`] the part of an address after `?`, each into a struct with `deny_unknown_fields`
//! - [`values`]: the types of the members and parameters, each with its range in words
//! - [`query_string`]: the pairs of a query string as a source for serde
//! - [`refusal`]: the sentence for what serde refuses

mod query_string;
mod refusal;
pub(crate) mod values;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub(crate) use query_string::decode;
pub(crate) use refusal::Refusal;

use values::Object;

/// The parameters of an endpoint that takes none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// Reads `body`, a JSON object, as `T`.
///
/// # Errors
/// A refusal that names the member at fault, or the line and column where the body stops being JSON.
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

/// Reads `query`, the part of an address after `?`, as `T`.
///
/// # Errors
/// A refusal that names the parameter at fault.
pub(crate) fn query<T: DeserializeOwned>(query: Option<&str>) -> Result<T, Refusal> {
    let parameters = query_string::Parameters::decode(query.unwrap_or_default())?;
    serde_path_to_error::deserialize(parameters.into_deserializer()).map_err(|error| {
        let path = error.path().to_string();
        // The values of a repeated parameter are a list, and the caller knows it by its name alone.
        let name =
            path.strip_suffix(']').and_then(|path| path.rsplit_once('[')).map_or(&*path, |(name, _)| name);
        refusal::PARAMETER.refusal(name, &error.inner().to_string())
    })
}
