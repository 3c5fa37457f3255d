//! Finds the endpoint of a path.

use common::{Error, Result};

use crate::endpoints::Route;
use crate::request::{Refusal, decode};

/// The routes of the service, by path.
pub(crate) struct Router {
    routes: Vec<Route>,
    /// Indices into `routes`.
    paths: matchit::Router<usize>,
}

/// The route of a request.
pub(crate) struct Match<'a> {
    pub(crate) route: &'a Route,
    /// The segments that match `{name}` in the path, decoded.
    pub(crate) segments: Vec<String>,
}

impl Router {
    /// A router of `routes`.
    ///
    /// # Errors
    /// If two routes have the same path.
    pub(crate) fn new(routes: Vec<Route>) -> Result<Self> {
        let mut paths = matchit::Router::new();
        for (place, route) in routes.iter().enumerate() {
            paths.insert(route.path, place).map_err(|error| {
                Error::internal(format!("invalid endpoint path {:?}", route.path)).caused_by(error)
            })?;
        }
        Ok(Self { routes, paths })
    }

    /// Finds the route of `path`.
    ///
    /// # Errors
    /// A refusal if a segment that matches `{name}` is not UTF-8.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Match<'_>>, Refusal> {
        let Ok(found) = self.paths.at(path) else { return Ok(None) };
        let Some(route) = self.routes.get(*found.value) else { return Ok(None) };
        let refused = |()| Refusal::invalid("path", "percent-encoded UTF-8");
        let segments = found.params.iter().map(|(_, segment)| decode(segment).map_err(refused));
        Ok(Some(Match { route, segments: segments.collect::<Result<_, _>>()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::routes;

    #[test]
    fn a_path_is_found_with_its_segments_decoded() {
        let router = Router::new(routes()).unwrap();
        let found = router.find("/v1/jobs/MCF/a%2Fb%20c").unwrap().unwrap();
        assert_eq!(found.route.path, "/v1/jobs/{source}/{job_id}");
        assert_eq!(found.segments, ["MCF", "a/b c"]);
        for path in ["/v1/jobs", "/v1/similar", "/", "/page/app.js", "/openapi.json"] {
            assert_eq!(router.find(path).unwrap().unwrap().route.path, path);
        }
        for nothing in [
            "/v1",
            "/v1/jobs/",
            "/v1/jobs/MCF",
            "/v1/jobs/MCF/",
            "/v1/jobs//1",
            "/v1/jobs/MCF/1/",
            "/v1/jobs/MCF/1/2",
            "/v1/index/",
            "/page",
            "//",
            "",
            "*",
        ] {
            assert!(router.find(nothing).unwrap().is_none(), "{nothing}");
        }
        assert!(router.find("/v1/jobs/MCF/%ff").is_err());
    }

    #[test]
    fn two_endpoints_with_the_same_path_are_refused() {
        let twice = routes().into_iter().chain(routes()).collect();
        assert!(Router::new(twice).is_err());
    }
}
