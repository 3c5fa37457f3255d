//! Faults, and the responses of Google's servers that they imitate.

use super::message::response;

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429 with `Retry-After: 0`; the request is not forwarded.
    TooMany,
    /// 429 without `Retry-After` and without a body; the request is not forwarded.
    TooManyPlain,
    /// 503 with Google's JSON; the request is not forwarded.
    Unavailable,
    /// 502 with HTML, as of a proxy; the request is not forwarded.
    HtmlPage,
    /// 403 with HTML, as of a front end or a VPC perimeter; the request is not forwarded.
    HtmlForbidden,
    /// 404 with HTML, as of a front end; the request is not forwarded.
    HtmlNotFound,
    /// The connection is closed; the request is not forwarded.
    CutBefore,
    /// The request is forwarded, and the connection closed without a response.
    CutAfter,
    /// The connection is closed when this number of bytes of the request's body has been received. Of a resumable
    /// upload, the received bytes are kept, rounded down to 256 KiB; other uploads are not forwarded. This fault waits
    /// for an upload of content whose body has at least this number of bytes.
    CutUpload { after_bytes: u64 },
    /// The request is forwarded, and the response sent after the client's timeout.
    TooLate,
    /// The request is read and gets no response; the connection stays open until the client or the proxy ends. The
    /// request is not forwarded.
    Silent,
    /// The request is forwarded, and the response truncated.
    Truncated,
    /// 401 of an API; the request is not forwarded.
    Expired,
    /// 401 of the front end, whose JSON has no list of errors; the request is not forwarded.
    UnauthorizedFrontEnd,
    /// 403; the request is not forwarded.
    Forbidden,
    /// 403 with BigQuery's message about a quota of the project; the request is not forwarded.
    QuotaExceeded,
    /// 400 with BigQuery's message about a full queue of DML statements; the request is not forwarded.
    QueueIsFull,
}

/// The faults of seeded schedules. A longer list would change the schedule of every seed.
pub(crate) const SEEDED: [Fault; 7] = [
    Fault::TooMany,
    Fault::Unavailable,
    Fault::HtmlPage,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::TooLate,
    Fault::Truncated,
];

impl Fault {
    /// The response to a request that is not forwarded; `None` for faults of the connection and of forwarded requests.
    pub(super) fn response(self, is_storage: bool) -> Option<Vec<u8>> {
        Some(match self {
            Self::TooMany => {
                let message = "Exceeded rate limits: too many api requests per user per method for this user_method. \
                               For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas";
                let error = GoogleError::new(429, message, "rateLimitExceeded").domain("usageLimits");
                error.response("429 Too Many Requests", "Retry-After: 0\r\n")
            }
            Self::TooManyPlain => response("429 Too Many Requests", "", b""),
            Self::Unavailable => {
                let error = GoogleError::new(503, "Backend Error", "backendError").status("UNAVAILABLE");
                error.response("503 Service Unavailable", "")
            }
            Self::HtmlPage => html("502 Bad Gateway", "The server encountered a temporary error."),
            Self::HtmlForbidden => html(
                "403 Forbidden",
                "Your client does not have permission to get URL <code>/</code> from this server.",
            ),
            Self::HtmlNotFound => html("404 Not Found", "The requested URL was not found on this server."),
            Self::Expired => {
                let error = GoogleError::new(401, "Invalid Credentials", "authError");
                let header = "WWW-Authenticate: Bearer realm=\"https://accounts.google.com/\"\r\n";
                error
                    .status("UNAUTHENTICATED")
                    .location("header", "Authorization")
                    .response("401 Unauthorized", header)
            }
            Self::UnauthorizedFrontEnd => {
                let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login \
                               cookie or other valid authentication credential. See \
                               https://developers.google.com/identity/sign-in/web/devconsole-project.";
                let error =
                    serde_json::json!({ "code": 401, "message": message, "status": "UNAUTHENTICATED" });
                json("401 Unauthorized", "", &serde_json::json!({ "error": error }))
            }
            Self::Forbidden if is_storage => {
                let message = "jobs@demo.iam.gserviceaccount.com does not have storage.objects.get access to the Google \
                               Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not \
                               exist).";
                GoogleError::new(403, message, "forbidden").response("403 Forbidden", "")
            }
            Self::Forbidden => {
                let message = "Access Denied: Project demo: User does not have bigquery.jobs.create permission in \
                               project demo.";
                let error = GoogleError::new(403, message, "accessDenied");
                error.status("PERMISSION_DENIED").response("403 Forbidden", "")
            }
            Self::QuotaExceeded => {
                let message = "Quota exceeded: Your project exceeded quota for free query bytes scanned. For more \
                               information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas";
                let error = GoogleError::new(403, message, "quotaExceeded").status("PERMISSION_DENIED");
                error.location("other", "unbilled.analysis").response("403 Forbidden", "")
            }
            Self::QueueIsFull => {
                let message = "Resources exceeded during query execution: Too many DML statements outstanding against table \
                               demo:d.job_embeddings, limit is 20.";
                let error = GoogleError::new(400, message, "resourcesExceeded").status("INVALID_ARGUMENT");
                error.response("400 Bad Request", "")
            }
            Self::CutBefore
            | Self::CutAfter
            | Self::CutUpload { .. }
            | Self::TooLate
            | Self::Silent
            | Self::Truncated => return None,
        })
    }
}

/// An error in the shape of Google's JSON.
pub(super) struct GoogleError {
    code: u16,
    message: String,
    reason: &'static str,
    domain: &'static str,
    status: Option<&'static str>,
    /// The kind and the name of the part of the request that is wrong.
    location: Option<(&'static str, &'static str)>,
}

impl GoogleError {
    pub(super) fn new(code: u16, message: impl Into<String>, reason: &'static str) -> Self {
        Self { code, message: message.into(), reason, domain: "global", status: None, location: None }
    }

    fn domain(self, domain: &'static str) -> Self {
        Self { domain, ..self }
    }

    pub(super) fn status(self, status: &'static str) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(super) fn location(self, kind: &'static str, name: &'static str) -> Self {
        Self { location: Some((kind, name)), ..self }
    }

    /// A response with this error as its body, and with further headers, each of which ends with CRLF.
    pub(super) fn response(&self, status: &str, headers: &str) -> Vec<u8> {
        let mut item =
            serde_json::json!({ "message": self.message, "domain": self.domain, "reason": self.reason });
        if let Some((kind, name)) = self.location {
            item["locationType"] = kind.into();
            item["location"] = name.into();
        }
        let mut error = serde_json::json!({ "code": self.code, "message": self.message, "errors": [item] });
        if let Some(status) = self.status {
            error["status"] = status.into();
        }
        json(status, headers, &serde_json::json!({ "error": error }))
    }
}

fn json(status: &str, headers: &str, body: &serde_json::Value) -> Vec<u8> {
    let headers = format!("Content-Type: application/json; charset=UTF-8\r\n{headers}");
    response(status, &headers, body.to_string().as_bytes())
}

/// An error page of Google's front end.
fn html(status: &str, sentence: &str) -> Vec<u8> {
    let (code, name) = status.split_once(' ').expect("a code and a name");
    let body = format!(
        "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error {code} ({name})!!1</title>\n\
         <p><b>{code}.</b> <ins>That's an error.</ins>\n<p>{sentence} <ins>That's all we know.</ins>\n"
    );
    response(status, "Content-Type: text/html; charset=UTF-8\r\n", body.as_bytes())
}
