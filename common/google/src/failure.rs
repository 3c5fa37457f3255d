//! What an answer other than 2xx says, and what to do about it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use common_core::{Error, ErrorKind};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// The longest text of a server that becomes part of a message, in characters.
const MESSAGE_CHARS: usize = 300;

/// How BigQuery's sentence begins where another statement changed the same table at the same time. It has the reason of a
/// mistake in the statement (`invalidQuery`), so that only these words tell the two apart. The first two are documented:
/// <https://cloud.google.com/bigquery/docs/data-manipulation-language#dml_statement_conflicts> and
/// <https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency>; the others are the emulator's.
const AT_ONCE: [&str; 5] = [
    "Could not serialize access to table",
    "Transaction is aborted due to concurrent update",
    "Failed to commit",
    "Conflict on ",
    "Catalog write-write conflict",
];

/// How BigQuery says that twenty statements wait to change a table already. Its reason is `resourcesExceeded`, which a statement
/// that needs too much memory has too, and then no repeat helps: only the words tell the two apart.
const QUEUE_IS_FULL: &str = "many DML statements outstanding against table";

/// How BigQuery says that a table's rows or shape change too often at the moment. A job says so with reasons that mean it
/// (`rateLimitExceeded`, `jobRateLimitExceeded`), and a DDL statement with `invalidQuery`, as of a mistake in the statement: there
/// only the words tell.
const TOO_OFTEN: &str = "xceeded rate limits";

/// Why a request did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The answer's status, where there was an answer.
    pub status: Option<u16>,
    /// Google's word for the reason, such as `notFound` or `rateLimitExceeded`.
    pub reason: String,
    /// The server's sentence, or ours where it said none.
    pub message: String,
    /// How long the server asked us to wait.
    pub retry_after: Option<Duration>,
    /// How often the request was sent; 0 where a request that was answered tells of a job that failed. After more than one,
    /// a refusal may be of our own earlier success.
    pub attempts: u32,
}

impl Failure {
    /// Reads an answer other than 2xx, whoever wrote it: BigQuery's JSON, a front end's JSON, or a proxy's HTML.
    pub(crate) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let error = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|mut body| Some(body.get_mut("error")?.take()));
        let error = error.unwrap_or_default();
        let reason = error.pointer("/errors/0/reason").or(error.get("status")).and_then(Value::as_str);
        let message = error
            .get("message")
            .and_then(Value::as_str)
            .map_or_else(|| format!("an answer that is no JSON ({} bytes)", body.len()), shorten);
        Self {
            status: Some(status.as_u16()),
            reason: reason.unwrap_or_default().to_owned(),
            message,
            retry_after: headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?)),
            attempts: 0,
        }
    }

    /// A request that got no whole answer.
    pub(crate) fn of_connection(message: impl Into<String>) -> Self {
        Self { status: None, reason: String::new(), message: message.into(), retry_after: None, attempts: 0 }
    }

    /// A request that was never sent, or whose answer cannot be understood: a second try would do no better.
    pub fn ours(reason: &str, message: String) -> Self {
        Self { status: None, reason: reason.to_owned(), message, retry_after: None, attempts: 0 }
    }

    /// A job that ran and failed: `error` is its `errorResult`.
    pub fn of_job(error: &Value) -> Self {
        let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            status: None,
            reason: text("reason"),
            message: shorten(&text("message")),
            retry_after: None,
            attempts: 0,
        }
    }

    /// What the failure means for whoever has to act on it.
    pub fn kind(&self) -> ErrorKind {
        use ErrorKind as Kind;
        match (self.reason.as_str(), self.status) {
            (
                "rateLimitExceeded"
                | "userRateLimitExceeded"
                | "jobRateLimitExceeded"
                | "backendError"
                | "internalError"
                | "jobBackendError"
                | "jobInternalError"
                | "tableUnavailable",
                _,
            ) => Kind::Unavailable,
            // Two statements that change one table at once: the one that came second is told to come again.
            ("" | "invalid" | "invalidQuery", _) if self.is_at_once() => Kind::Unavailable,
            ("resourcesExceeded" | "invalidQuery", _) if self.message.contains(QUEUE_IS_FULL) => {
                Kind::Unavailable
            }
            ("quotaExceeded" | "invalidQuery", _) if self.message.contains(TOO_OFTEN) => Kind::Unavailable,
            ("quotaExceeded" | "resourcesExceeded" | "bytesBilledLimitExceeded" | "responseTooLarge", _) => {
                Kind::Exhausted
            }
            ("notFound", _) | (_, Some(404)) => Kind::NotFound,
            ("duplicate" | "conditionNotMet", _) | (_, Some(409 | 412)) => Kind::Conflict,
            ("accessDenied" | "billingNotEnabled" | "noCredentials", _) | (_, Some(401 | 403)) => {
                Kind::Forbidden
            }
            ("stopped", _) => Kind::Cancelled,
            (_, Some(408 | 429 | 500..=599)) => Kind::Unavailable,
            (_, Some(413)) => Kind::Exhausted,
            ("invalid" | "invalidQuery", _) | (_, Some(400..=499)) => Kind::InvalidInput,
            (_, None) if self.reason.is_empty() => Kind::Unavailable,
            _ => Kind::Internal,
        }
    }

    /// Says whether the sentence is one of [`AT_ONCE`]. It has to begin so: a statement or a name that the server quotes may
    /// hold the same words.
    fn is_at_once(&self) -> bool {
        let message = self.message.strip_prefix("Query error: ").unwrap_or(&self.message);
        AT_ONCE.iter().any(|words| message.starts_with(words))
    }

    /// The failure as the bundle's error: what was done, what the server said, what to do.
    pub fn into_error(self, doing: &str) -> Error {
        let kind = self.kind();
        let status = self.status.map(|status| format!("HTTP {status}, ")).unwrap_or_default();
        let reason = if self.reason.is_empty() { String::new() } else { format!(" ({})", self.reason) };
        let tries = if self.attempts > 1 { format!(" after {} tries", self.attempts) } else { String::new() };
        let remedy = match (self.reason.as_str(), kind) {
            ("bytesBilledLimitExceeded", _) => ": raise MAX_BYTES_BILLED if the query is worth it",
            ("billingNotEnabled", _) => ": enable billing for the project",
            ("noCredentials", _) => "",
            (_, ErrorKind::Forbidden) => {
                ": give this account the role that it needs there, or use another account's credentials"
            }
            (_, ErrorKind::Exhausted) => ": ask for a higher quota, or try again tomorrow",
            (_, ErrorKind::Unavailable) => ": try again",
            _ => "",
        };
        let message = self.message.trim_end_matches('.');
        Error::new(kind, format!("{doing} failed{tries}: {status}{message}{reason}{remedy}"))
    }
}

/// `Retry-After` in either of its forms: seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    (until.with_timezone(&Utc) - Utc::now()).to_std().ok()
}

fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Failure {
        Failure::of_answer(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn every_answer_has_a_kind_whoever_wrote_it() {
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

    /// The sentences are those of the service, as its users quote them.
    #[test]
    fn a_table_that_is_changed_too_often_is_busy_and_not_exhausted() {
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
            assert_eq!(Failure::of_job(&error).kind(), kind, "of a job: {reason}: {message}");
            let body = serde_json::json!({ "error": { "message": message, "errors": [error] } });
            assert_eq!(answer(400, &body.to_string()).kind(), kind, "of an answer: {reason}: {message}");
        }
    }

    /// A name or a statement that is quoted may hold any words.
    #[test]
    fn reason_and_status_count_before_words() {
        let said = |status, reason: &str, message: &str| {
            let errors = serde_json::json!([{ "reason": reason }]);
            let body = serde_json::json!({ "error": { "message": message, "errors": errors } });
            answer(status, &body.to_string()).kind()
        };
        let at_once = "Could not serialize access to table p:d.t due to concurrent update";
        assert_eq!(said(400, "invalidQuery", at_once), ErrorKind::Unavailable);
        let aborted = "Query error: Transaction is aborted due to concurrent update against table p:d.t.";
        assert_eq!(said(400, "invalidQuery", aborted), ErrorKind::Unavailable);
        for (status, reason, message, kind) in [
            (404, "notFound", "Not found: Table p:d.Conflict on was not found", ErrorKind::NotFound),
            (404, "notFound", "Failed to commit is no dataset", ErrorKind::NotFound),
            (403, "accessDenied", "Conflict on x: Access Denied", ErrorKind::Forbidden),
            (400, "invalidQuery", "Unrecognized name: `Could not serialize access`", ErrorKind::InvalidInput),
            (400, "invalidQuery", "Syntax error: Unexpected 'write-write conflict'", ErrorKind::InvalidInput),
        ] {
            assert_eq!(said(status, reason, message), kind, "{message}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        let soon = (Utc::now() + chrono::TimeDelta::seconds(60)).to_rfc2822();
        assert!(retry_after(&soon).unwrap() > Duration::from_secs(50));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn a_sentence_names_what_was_done_and_the_remedy() {
        let error = answer(
            403,
            r#"{"error":{"message":"Access Denied: Project p.","errors":[{"reason":"accessDenied"}]}}"#,
        )
        .into_error("reading table p.d.t");
        assert_eq!(
            error.to_string(),
            "reading table p.d.t failed: HTTP 403, Access Denied: Project p (accessDenied): give this account the role that \
             it needs there, or use another account's credentials"
        );
    }
}
