//! Parses triggers: a JSON body, a `CloudEvent` in binary or structured mode, or a Pub/Sub message in either.
//!
//! | request | options |
//! |---|---|
//! | `application/json`, `application/octet-stream`, no type, or an empty body | the body |
//! | `CloudEvent` 1.0 | the data of the event |
//! | Pub/Sub message (push, or inside a `CloudEvent`) | the payload of the message |
//! | unwrapped Pub/Sub push (`x-goog-pubsub-…` headers) | the body, which is the payload |
//! | any other event of Google (`google.…`), such as a new object | none: the data describes the event, not a run |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::http_util::Problem;
use super::trigger::TriggerId;

/// One delivery of a trigger.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trigger {
    /// The id that the sender gave it, if any.
    pub(super) id: Option<TriggerId>,
    /// The options of the run as JSON.
    pub(super) options: Map<String, Value>,
    /// Whether the run writes nothing; every function has this option.
    pub(super) dry_run: bool,
}

impl Trigger {
    /// Parses the headers and the body of a request.
    ///
    /// # Errors
    /// A problem with status 400 or 415 that names the invalid header or member.
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let content_type = content_type(headers);
        let (event_id, data) = if content_type.starts_with("application/cloudevents") {
            structured(&content_type, body)?
        } else if headers.keys().any(|name| name.as_str().starts_with("ce-")) {
            binary(headers, &content_type, body)?
        } else {
            unwrap_message(json_body(&content_type, body)?, None)?
        };
        let mut options = match data {
            Value::Null => Map::new(),
            Value::Object(options) => options,
            _ => return Err(Problem::bad_request("the options must be a JSON object")),
        };
        let dry_run = match options.remove("dry_run") {
            None => false,
            Some(Value::Bool(dry_run)) => dry_run,
            Some(other) => {
                return Err(Problem::bad_request(format!(
                    "dry_run: invalid value {other}, expected true or false"
                )));
            }
        };
        let id = match idempotency_key(headers)?.or(event_id) {
            None => unwrapped_message_id(headers)?,
            id => id,
        };
        Ok(Self { id, options, dry_run })
    }

    /// Deserializes the options into the type of the function.
    ///
    /// # Errors
    /// A problem with status 400 that names the invalid member.
    pub(super) fn options<O: DeserializeOwned>(&self) -> Result<O, Problem> {
        serde_path_to_error::deserialize(Value::Object(self.options.clone())).map_err(|error| {
            let path = error.path().to_string();
            let cause = error.into_inner().to_string();
            // These messages of serde already name the member.
            let is_named = path == "." || cause.starts_with("unknown field");
            Problem::bad_request(if is_named { cause } else { format!("{path}: {cause}") })
        })
    }

    /// The whole request as JSON, to compare it with another request.
    pub(super) fn request(&self) -> Value {
        let mut request = self.options.clone();
        request.insert("dry_run".into(), self.dry_run.into());
        request.into()
    }
}

/// The `Idempotency-Key` header of the IETF draft; the value may be quoted.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<TriggerId>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str().map(|key| key.trim().trim_matches('"')) {
        Ok(key) if !key.is_empty() => Ok(Some(TriggerId::of_key(key))),
        _ => Err(Problem::bad_request("Idempotency-Key is empty or not ASCII")),
    }
}

/// The id of an unwrapped Pub/Sub push, whose metadata is in headers.
/// <https://cloud.google.com/pubsub/docs/payload-unwrapping>
fn unwrapped_message_id(headers: &HeaderMap) -> Result<Option<TriggerId>, Problem> {
    let text = |name: &str| single_header(headers, name).map(Option::unwrap_or_default);
    let id = text("x-goog-pubsub-message-id")?;
    let subscription = text("x-goog-pubsub-subscription-name")?;
    Ok((!id.is_empty()).then(|| TriggerId::of_message(subscription, id)))
}

/// The value of a header that may occur once, or `None` if it is absent.
fn single_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Problem::bad_request(format!("duplicate header {name}: expected it once"))),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| {
            let value = String::from_utf8_lossy(value.as_bytes());
            Problem::bad_request(format!("invalid header {name} {value:?}: expected printable ASCII"))
        }),
        (None, _) => Ok(None),
    }
}

/// Decodes the value of an attribute in a header, which may be quoted and is percent-encoded.
/// `CloudEvents`, HTTP protocol binding 1.0.2, 3.1.3.2.
fn decode_attribute(name: &str, value: &str) -> Result<String, Problem> {
    let invalid = |expected: &str| {
        Problem::bad_request(format!("invalid header {name} {value:?}: expected {expected}"))
    };
    let unquoted = match value.strip_prefix('"') {
        None => value.to_owned(),
        Some(quoted) => {
            unquote(quoted).ok_or_else(|| invalid("a quoted string with a closing quote at its end"))?
        }
    };
    let is_hex = |digits: Option<&str>| digits.is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
    if unquoted.match_indices('%').any(|(at, _)| !is_hex(unquoted.get(at + 1..at + 3))) {
        return Err(invalid("two hexadecimal digits after every %"));
    }
    match percent_decode_str(&unquoted).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(invalid("percent-encoded UTF-8")),
    }
}

/// The content of a quoted string (RFC 7230, 3.2.6), given without its opening quote.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(text),
            '\\' => text.push(rest.next()?),
            other => text.push(other),
        }
    }
}

/// Binary mode: the attributes are `ce-` headers, the data is the body.
fn binary(
    headers: &HeaderMap,
    content_type: &str,
    body: &[u8],
) -> Result<(Option<TriggerId>, Value), Problem> {
    let attribute = |name: &str| -> Result<String, Problem> {
        let name = format!("ce-{name}");
        let value = single_header(headers, &name)?.map(|value| decode_attribute(&name, value)).transpose()?;
        required(value, || format!("header {name}"))
    };
    let event = Event::read(attribute)?;
    // The data of a Google event is not used, and may be in another format than JSON.
    let data = if event.is_notification() { Value::Null } else { json_body(content_type, body)? };
    unwrap_message(data, Some(event))
}

/// Structured mode: attributes and data in one JSON object.
fn structured(content_type: &str, body: &[u8]) -> Result<(Option<TriggerId>, Value), Problem> {
    if content_type != "application/cloudevents+json" {
        let detail = format!(
            "invalid Content-Type {content_type:?}: expected application/cloudevents+json with one event"
        );
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let Value::Object(mut members) = parse(body, "the body")? else {
        return Err(Problem::bad_request("an event is a JSON object"));
    };
    let attribute = |name: &str| -> Result<String, Problem> {
        let value = members.get(name).and_then(Value::as_str).map(str::to_owned);
        required(value, || format!("the event's {name}"))
    };
    let event = Event::read(attribute)?;
    let data = match (members.remove("data"), members.remove("data_base64")) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("an event has data or data_base64, not both")),
        _ if event.is_notification() => Value::Null,
        (Some(data), None) => data,
        (None, Some(Value::String(data))) => decode(&data, "data_base64")?,
        (None, Some(_)) => return Err(Problem::bad_request("data_base64 is not a string")),
        (None, None) => Value::Null,
    };
    unwrap_message(data, Some(event))
}

/// The attributes of an event that the function uses.
struct Event {
    id: TriggerId,
    kind: String,
}

impl Event {
    fn read(attribute: impl Fn(&str) -> Result<String, Problem>) -> Result<Self, Problem> {
        let version = attribute("specversion")?;
        if version != "1.0" {
            let detail = format!("invalid specversion {version:?}: expected 1.0");
            return Err(Problem::bad_request(detail));
        }
        let (id, source) = (attribute("id")?, attribute("source")?);
        Ok(Self { id: TriggerId::of_event(&source, &id), kind: attribute("type")? })
    }

    /// Whether the event is a notification of Google Cloud, whose data is not a request.
    fn is_notification(&self) -> bool {
        self.kind.starts_with("google.") && !self.kind.starts_with("google.cloud.pubsub.")
    }
}

/// Returns the payload of a Pub/Sub message, and any other data unchanged.
fn unwrap_message(data: Value, event: Option<Event>) -> Result<(Option<TriggerId>, Value), Problem> {
    let event_id = event.map(|event| event.id);
    let Some(Value::Object(message)) = data.get("message") else { return Ok((event_id, data)) };
    let text = |value: Option<&Value>, name: &str| match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Problem::bad_request(format!("{name} is not a string"))),
    };
    let payload = text(message.get("data"), "message.data")?;
    let options = if payload.is_empty() { Value::Null } else { decode(&payload, "message.data")? };
    // Pub/Sub sends both names.
    let message_id = message.get("messageId").or(message.get("message_id"));
    let message_id = text(message_id, "message.messageId")?;
    let subscription = text(data.get("subscription"), "subscription")?;
    let pushed = (!message_id.is_empty()).then(|| TriggerId::of_message(&subscription, &message_id));
    Ok((event_id.or(pushed), options))
}

fn required(value: Option<String>, name: impl Fn() -> String) -> Result<String, Problem> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Problem::bad_request(format!("{} is missing or empty", name())))
}

fn decode(base64: &str, name: &str) -> Result<Value, Problem> {
    let bytes = STANDARD
        .decode(base64)
        .map_err(|error| Problem::bad_request(format!("{name} is not base64: {error}")))?;
    parse(&bytes, name)
}

fn json_body(content_type: &str, body: &[u8]) -> Result<Value, Problem> {
    // Cloud Scheduler sends `application/octet-stream` if a job has no content type, even with an empty body.
    let is_json = matches!(content_type, "" | "application/json" | "application/octet-stream")
        || content_type.ends_with("+json");
    match body.trim_ascii() {
        b"" => Ok(Value::Null),
        _ if is_json => parse(body, "the body"),
        _ => {
            let detail = format!("invalid Content-Type {content_type:?}: expected application/json");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

fn parse(bytes: &[u8], name: &str) -> Result<Value, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("{name} is not JSON: {error}")))
}

/// The media type in lower case, without parameters.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
