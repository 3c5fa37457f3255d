//! Classifies failed requests and describes them for the operator.

use std::error::Error as StdError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common_core::{Error, ErrorKind};
use http::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// Maximum length of a server's text in an error, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// Beginnings of BigQuery's messages about a concurrent update of the same table. The reason is the one of an invalid
/// statement (`invalidQuery`), so that only the message distinguishes them. The first two are documented:
/// <https://cloud.google.com/bigquery/docs/data-manipulation-language#dml_statement_conflicts> and
/// <https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency>; the others are the emulator's.
const CONCURRENT_UPDATE: [&str; 5] = [
    "Could not serialize access to table",
    "Transaction is aborted due to concurrent update",
    "Failed to commit",
    "Conflict on ",
    "Catalog write-write conflict",
];

/// Part of BigQuery's message that the queue of DML statements of a table, at most twenty, is full. Its reason,
/// `resourcesExceeded`, is also the one of a statement that needs too much memory, which a retry does not help.
const QUEUE_IS_FULL: &str = "many DML statements outstanding against table";

/// Part of BigQuery's message that a table is changed too often. Jobs have specific reasons for it
/// (`rateLimitExceeded`, `jobRateLimitExceeded`); a DDL statement has the reason of an invalid statement
/// (`invalidQuery`).
const RATE_LIMIT: &str = "xceeded rate limits";

/// Beginnings of a response to a request for the content of an object that does not exist: Cloud Storage's in plain
/// text, the emulator's, and that of the XML API.
const MISSING_OBJECT: [&str; 4] = ["No such object", "The specified ", "Not Found", "<?xml"];

/// Reasons of this crate, which messages do not show.
const OWN_REASONS: [&str; 4] = ["noToken", "noCredentials", "file", "damaged"];

/// The message about an attempt that took too long.
pub(crate) const NO_ANSWER: &str = "no answer in time";

/// A failed request.
#[derive(Debug)]
pub struct Failure {
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Google's reason, such as `notFound` or `rateLimitExceeded`.
    pub reason: String,
    /// The message of the server, or of this crate if the server sent none.
    pub message: String,
    /// The wait that the server requested.
    pub retry_after: Option<Duration>,
    /// Number of attempts; 0 for a failed job whose request succeeded. After more than one attempt, a conflict can be
    /// caused by an earlier attempt that succeeded without a response.
    pub attempts: u32,
    /// Whether the response could not be read as the expected JSON, so that its meaning is unknown.
    pub is_unreadable: bool,
}

impl Failure {
    /// Parses a response other than 2xx: JSON of BigQuery or of a front end, or HTML of a proxy.
    pub(crate) fn of_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let error = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|mut body| Some(body.get_mut("error")?.take()));
        let error = error.unwrap_or_default();
        let reason = error.pointer("/errors/0/reason").or(error.get("status")).and_then(Value::as_str);
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let message = match error.get("message").and_then(Value::as_str) {
            Some(message) => shorten(message),
            // Cloud Storage answers a request for content in plain text.
            None if !text.is_empty() && !text.starts_with(['<', '{']) => shorten(text),
            None => format!("a response that is not JSON ({} bytes)", body.len()),
        };
        let failure = Self::of_status(status, reason.unwrap_or_default(), message, headers);
        // A front end's response says nothing about what was asked for: it may be there, and the next request may
        // reach it.
        let is_page = text.starts_with('<') && (!text.starts_with("<?xml") || text.contains("<html"));
        let is_foreign = match status {
            403 => is_page,
            404 => {
                is_page || (error.is_null() && !MISSING_OBJECT.iter().any(|begin| text.starts_with(begin)))
            }
            _ => false,
        };
        Self { is_unreadable: is_foreign, ..failure }
    }

    /// A response other than 2xx, whose body has been parsed.
    pub(crate) fn of_status(status: u16, reason: &str, message: String, headers: &HeaderMap) -> Self {
        Self {
            status: Some(status),
            reason: reason.to_owned(),
            message,
            retry_after: headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?)),
            attempts: 0,
            is_unreadable: false,
        }
    }

    /// A request without a complete response.
    pub(crate) fn of_connection(message: impl Into<String>) -> Self {
        Self::local("", message.into())
    }

    /// The failure of a connection, described by the root cause of `error`.
    pub(crate) fn of_transport(is_timeout: bool, error: &(dyn StdError + 'static)) -> Self {
        Self::of_connection(if is_timeout { NO_ANSWER.to_owned() } else { root_cause(error) })
    }

    /// Names the host in the failure of a connection.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        if self.status.is_none() && self.reason.is_empty() && !self.is_unreadable {
            self.message = format!("{host}: {}", self.message);
        }
        self
    }

    /// A response that is not the expected JSON; `expected` is what could not be read from it.
    pub(crate) fn unreadable(expected: &str, error: &(dyn StdError + 'static)) -> Self {
        let message = format!("the response is not {expected}: {}", root_cause(error));
        Self { is_unreadable: true, ..Self::of_connection(message) }
    }

    /// The failure to get a token, if it is the cause of `error`.
    pub(crate) fn of_credentials(error: &(dyn StdError + 'static)) -> Option<Self> {
        causes(error).find_map(|cause| cause.downcast_ref()).map(Self::of_token)
    }

    /// The failure to get a token.
    pub(crate) fn of_token(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable => Self::local("noToken", error.chain()),
            _ => Self::local("noCredentials", error.chain()),
        }
    }

    /// A failure of this side, which a retry does not help: the request could not be sent or its response not parsed.
    pub fn local(reason: &str, message: String) -> Self {
        Self {
            status: None,
            reason: reason.to_owned(),
            message,
            retry_after: None,
            attempts: 0,
            is_unreadable: false,
        }
    }

    /// A failed job, by the reason and the message of its `errorResult`.
    pub fn of_job(reason: &str, message: &str) -> Self {
        Self::local(reason, shorten(message))
    }

    /// Returns whether a repeated request may succeed.
    pub fn is_transient(&self) -> bool {
        self.is_unreadable || self.kind() == ErrorKind::Unavailable
    }

    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        use ErrorKind as Kind;
        if self.is_unreadable && self.status != Some(403) {
            return Kind::Unavailable;
        }
        match (self.reason.as_str(), self.status) {
            (
                "rateLimitExceeded"
                | "userRateLimitExceeded"
                | "jobRateLimitExceeded"
                | "backendError"
                | "internalError"
                | "jobBackendError"
                | "jobInternalError"
                | "tableUnavailable"
                | "noToken",
                _,
            ) => Kind::Unavailable,
            // Of two concurrent updates of a table, BigQuery rejects the second, which can be retried.
            ("" | "invalid" | "invalidQuery", _) if self.is_concurrent_update() => Kind::Unavailable,
            ("resourcesExceeded" | "invalidQuery", _) if self.message.contains(QUEUE_IS_FULL) => {
                Kind::Unavailable
            }
            ("quotaExceeded" | "invalidQuery", _) if self.message.contains(RATE_LIMIT) => Kind::Unavailable,
            ("quotaExceeded" | "resourcesExceeded" | "bytesBilledLimitExceeded" | "responseTooLarge", _) => {
                Kind::Exhausted
            }
            ("notFound", _) | (_, Some(404)) => Kind::NotFound,
            ("duplicate" | "conditionNotMet", _) | (_, Some(409 | 412)) => Kind::Conflict,
            ("accessDenied" | "billingNotEnabled" | "noCredentials", _) | (_, Some(401 | 403)) => {
                Kind::Forbidden
            }
            ("damaged", _) => Kind::Corrupt,
            ("stopped", _) => Kind::Cancelled,
            // 410: the session of a resumable upload has expired; a repeated upload begins another.
            (_, Some(408 | 410 | 429 | 500..=599)) => Kind::Unavailable,
            (_, Some(413)) => Kind::Exhausted,
            ("invalid" | "invalidQuery", _) | (_, Some(400..=499)) => Kind::InvalidInput,
            (_, None) if self.reason.is_empty() => Kind::Unavailable,
            _ => Kind::Internal,
        }
    }

    /// Returns whether the message begins with one of [`CONCURRENT_UPDATE`]. Elsewhere in the message, the words can be
    /// part of a statement or a name that the server quotes.
    fn is_concurrent_update(&self) -> bool {
        let message = self.message.strip_prefix("Query error: ").unwrap_or(&self.message);
        CONCURRENT_UPDATE.iter().any(|words| message.starts_with(words))
    }

    /// Converts to an [`Error`] with `doing`, the message of the server and the remedy.
    pub fn into_error(self, doing: &str) -> Error {
        let kind = self.kind();
        let status = self.status.map(|status| format!("HTTP {status}, ")).unwrap_or_default();
        let is_shown = !self.reason.is_empty() && !OWN_REASONS.contains(&&*self.reason);
        let reason = if is_shown { format!(" ({})", self.reason) } else { String::new() };
        let tries = if self.attempts > 1 { format!(" after {} tries", self.attempts) } else { String::new() };
        let remedy = match (self.reason.as_str(), kind) {
            ("bytesBilledLimitExceeded", _) => ": raise MAX_BYTES_BILLED if the query is worth it",
            ("billingNotEnabled", _) => ": enable billing for the project",
            ("accessNotConfigured", _) => ": enable the API for the project",
            ("resourcesExceeded", ErrorKind::Exhausted) => ": simplify the statement, or let it read less",
            ("noCredentials", _) => "",
            _ if self.status == Some(401) => ": log in again, or use the credentials of another account",
            (_, ErrorKind::Forbidden) => {
                ": grant this account the required role, or use the credentials of another account"
            }
            (_, ErrorKind::Exhausted) => ": request a higher quota, or try again tomorrow",
            (_, ErrorKind::Unavailable) => ": try again",
            _ => "",
        };
        let message = self.message.trim_end_matches('.');
        Error::new(kind, format!("{doing} failed{tries}: {status}{message}{reason}{remedy}"))
    }
}

/// Parses `Retry-After`: seconds or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    (until.with_timezone(&Utc) - Utc::now()).to_std().ok()
}

/// The error and its causes.
pub(crate) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The innermost cause; the outer errors of the libraries repeat it or tell of their own layers.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

pub(crate) fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Failure {
        Failure::of_answer(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn responses_are_classified() {
        let json =
            |reason: &str| format!(r#"{{"error":{{"message":"m","errors":[{{"reason":"{reason}"}}]}}}}"#);
        for (status, body, kind) in [
            (403, json("rateLimitExceeded"), ErrorKind::Unavailable),
            (403, json("userRateLimitExceeded"), ErrorKind::Unavailable),
            (403, json("quotaExceeded"), ErrorKind::Exhausted),
            (403, json("accessDenied"), ErrorKind::Forbidden),
            (400, json("invalidQuery"), ErrorKind::InvalidInput),
            (404, json("notFound"), ErrorKind::NotFound),
            (409, json("duplicate"), ErrorKind::Conflict),
            (412, json("conditionNotMet"), ErrorKind::Conflict),
            (503, "<html>Service unavailable</html>".into(), ErrorKind::Unavailable),
            (404, "<html>Not found</html>".into(), ErrorKind::Unavailable),
            (403, " <!DOCTYPE html>".into(), ErrorKind::Forbidden),
            (404, "<?xml version='1.0'?><Error/>".into(), ErrorKind::NotFound),
            (404, "<?xml version='1.0'?><!DOCTYPE html><html/>".into(), ErrorKind::Unavailable),
            (404, "No such object: bucket/name".into(), ErrorKind::NotFound),
            (404, "404 page not found".into(), ErrorKind::Unavailable),
            (404, String::new(), ErrorKind::Unavailable),
            (413, "<html>Too large</html>".into(), ErrorKind::Exhausted),
            (502, String::new(), ErrorKind::Unavailable),
            (401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED","details":[]}}"#.into(), ErrorKind::Forbidden),
            (404, "Not Found".into(), ErrorKind::NotFound),
            (
                400,
                r#"{"error":{"message":"Could not serialize access to table a:b.c due to concurrent update"}}"#.into(),
                ErrorKind::Unavailable,
            ),
        ] {
            assert_eq!(answer(status, &body).kind(), kind, "{status} {body}");
        }
    }

    /// The messages are real ones of the service.
    #[test]
    fn too_frequent_updates_are_transient() {
        let queue = "Resources exceeded during query execution: Too many DML statements outstanding against table \
                     p:d.job_embeddings, limit is 20.";
        let often = "Exceeded rate limits: too many table update operations for this table. For more information, see \
                     https://cloud.google.com/bigquery/docs/troubleshoot-quotas";
        let job_often = "Job exceeded rate limits: Your table exceeded quota for table update operations.";
        let memory = "Resources exceeded during query execution: The query could not be executed in the allotted memory.";
        let daily = "Quota exceeded: Your table exceeded quota for imports or query appends per table.";
        for (reason, message, kind) in [
            ("resourcesExceeded", queue, ErrorKind::Unavailable),
            ("invalidQuery", queue, ErrorKind::Unavailable),
            ("invalidQuery", often, ErrorKind::Unavailable),
            ("quotaExceeded", often, ErrorKind::Unavailable),
            ("rateLimitExceeded", often, ErrorKind::Unavailable),
            ("jobRateLimitExceeded", job_often, ErrorKind::Unavailable),
            ("quotaExceeded", job_often, ErrorKind::Unavailable),
            ("resourcesExceeded", memory, ErrorKind::Exhausted),
            ("quotaExceeded", daily, ErrorKind::Exhausted),
            (
                "invalidQuery",
                "Syntax error: Unexpected identifier \"SELEC\" at [1:1]",
                ErrorKind::InvalidInput,
            ),
        ] {
            let error = serde_json::json!({ "reason": reason, "message": message });
            assert_eq!(Failure::of_job(reason, message).kind(), kind, "of a job: {reason}: {message}");
            let body = serde_json::json!({ "error": { "message": message, "errors": [error] } });
            assert_eq!(answer(400, &body.to_string()).kind(), kind, "of an answer: {reason}: {message}");
        }
    }

    /// Messages can quote names and statements with the same words.
    #[test]
    fn reason_and_status_take_precedence_over_the_message() {
        let kind_of = |status, reason: &str, message: &str| {
            let errors = serde_json::json!([{ "reason": reason }]);
            let body = serde_json::json!({ "error": { "message": message, "errors": errors } });
            answer(status, &body.to_string()).kind()
        };
        let at_once = "Could not serialize access to table p:d.t due to concurrent update";
        assert_eq!(kind_of(400, "invalidQuery", at_once), ErrorKind::Unavailable);
        let aborted = "Query error: Transaction is aborted due to concurrent update against table p:d.t.";
        assert_eq!(kind_of(400, "invalidQuery", aborted), ErrorKind::Unavailable);
        for (status, reason, message, kind) in [
            (404, "notFound", "Not found: Table p:d.Conflict on was not found", ErrorKind::NotFound),
            (404, "notFound", "Failed to commit is no dataset", ErrorKind::NotFound),
            (403, "accessDenied", "Conflict on x: Access Denied", ErrorKind::Forbidden),
            (400, "invalidQuery", "Unrecognized name: `Could not serialize access`", ErrorKind::InvalidInput),
            (400, "invalidQuery", "Syntax error: Unexpected 'write-write conflict'", ErrorKind::InvalidInput),
        ] {
            assert_eq!(kind_of(status, reason, message), kind, "{message}");
        }
    }

    #[test]
    fn retry_after_is_parsed_in_both_forms() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        let soon = (Utc::now() + chrono::TimeDelta::seconds(60)).to_rfc2822();
        assert!(retry_after(&soon).unwrap() > Duration::from_secs(50));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn errors_name_the_action_and_the_remedy() {
        let error = answer(
            403,
            r#"{"error":{"message":"Access Denied: Project p.","errors":[{"reason":"accessDenied"}]}}"#,
        )
        .into_error("reading table p.d.t");
        assert_eq!(
            error.to_string(),
            "reading table p.d.t failed: HTTP 403, Access Denied: Project p (accessDenied): grant this account the required role, \
             or use the credentials of another account"
        );
    }
}
