//! Which paths there are, what they take, and who answers.

use hyper::Method;

use crate::browse::Listing;
use crate::page::File;
use crate::request::Refusal;
use crate::request::parameters::{self, decode};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Similar,
    Jobs,
    Job,
    Index,
    Map,
    Metrics,
    OpenApi,
    Page(&'static File),
}

/// A path and what it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// A piece in braces stands for any piece that is not empty.
    pub(crate) path: &'static str,
    /// Whether it takes POST besides GET.
    pub(crate) takes_post: bool,
    /// What may stand after `?` of a GET.
    pub(crate) parameters: &'static [&'static str],
    pub(crate) endpoint: Endpoint,
}

impl Route {
    const fn get(path: &'static str, parameters: &'static [&'static str], endpoint: Endpoint) -> Self {
        Self { path, takes_post: false, parameters, endpoint }
    }

    /// The methods it takes, for an `Allow` header.
    pub(crate) fn allow(&self) -> &'static str {
        if self.takes_post { "GET, HEAD, POST, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }

    /// Says whether it takes `method`.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD) || (self.takes_post && *method == Method::POST)
    }
}

/// The interface for programs; `openapi.json` describes exactly these.
pub(crate) const API: [Route; 7] = [
    Route { takes_post: true, ..Route::get("/v1/similar", parameters::OF_SIMILAR, Endpoint::Similar) },
    Route::get("/v1/jobs", Listing::PARAMETERS, Endpoint::Jobs),
    Route::get("/v1/jobs/{source}/{job_id}", &[], Endpoint::Job),
    Route::get("/v1/index", &[], Endpoint::Index),
    Route::get("/v1/map", &["limit"], Endpoint::Map),
    Route::get("/metrics", &[], Endpoint::Metrics),
    Route::get("/openapi.json", &[], Endpoint::OpenApi),
];

/// Finds the route of `path`, and the decoded pieces that stand for its braces.
///
/// # Errors
/// A refusal where such a piece is no text.
pub(crate) fn find(path: &str) -> Result<Option<(Route, Vec<String>)>, Refusal> {
    if let Some(file) = File::at(path) {
        return Ok(Some((Route::get(file.path, &[], Endpoint::Page(file)), Vec::new())));
    }
    for route in API {
        if let Some(pieces) = matched(route.path, path) {
            let pieces: Result<Vec<String>, Refusal> = pieces
                .into_iter()
                .map(|piece| decode(piece).map_err(|sentence| Refusal::new("the path", sentence)))
                .collect();
            return Ok(Some((route, pieces?)));
        }
    }
    Ok(None)
}

/// The pieces of `path` that stand for the braces of `template`, or `None` where the two do not match.
fn matched<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = Vec::new();
    let mut path = path.split('/');
    for expected in template.split('/') {
        let piece = path.next()?;
        if expected.starts_with('{') && !piece.is_empty() {
            pieces.push(piece);
        } else if expected != piece {
            return None;
        }
    }
    path.next().is_none().then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_with_its_pieces_decoded() {
        let (route, pieces) = find("/v1/jobs/MCF/a%2Fb%20c").unwrap().unwrap();
        assert_eq!((route.endpoint, pieces), (Endpoint::Job, vec!["MCF".to_owned(), "a/b c".to_owned()]));
        assert_eq!(find("/v1/jobs").unwrap().unwrap().0.endpoint, Endpoint::Jobs);
        for nothing in ["/v1", "/v1/jobs/", "/v1/jobs/MCF", "/v1/jobs//1", "/v1/jobs/MCF/1/2", "//", "", "*"]
        {
            assert!(find(nothing).unwrap().is_none(), "{nothing}");
        }
        find("/v1/jobs/MCF/%ff").unwrap_err();
    }
}
