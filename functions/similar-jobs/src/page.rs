//! The page: files that are part of the program.

use common::shim::http_util::{Body, content};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// All of them.
pub(crate) const FILES: &[File] = &[
    File { path: "/", media_type: HTML, text: include_str!("../page/index.html") },
    File { path: "/page/app.js", media_type: SCRIPT, text: include_str!("../page/app.js") },
    File { path: "/page/address.js", media_type: SCRIPT, text: include_str!("../page/address.js") },
    File { path: "/page/combobox.js", media_type: SCRIPT, text: include_str!("../page/combobox.js") },
    File { path: "/page/map.js", media_type: SCRIPT, text: include_str!("../page/map.js") },
    File { path: "/page/service.js", media_type: SCRIPT, text: include_str!("../page/service.js") },
    File { path: "/page/view.js", media_type: SCRIPT, text: include_str!("../page/view.js") },
    File { path: "/page/style.css", media_type: STYLE, text: include_str!("../page/style.css") },
];

/// What the page may do: run our script, use our style, ask us. Nothing of it comes from anywhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl File {
    /// The file as an answer.
    pub(crate) fn answer(&self) -> Response<Body> {
        let mut response = content(StatusCode::OK, self.media_type, self.text);
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
