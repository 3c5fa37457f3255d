//! `/openapi.json`: the `OpenAPI` document, assembled from the endpoints' parts.

use bytes::Bytes;
use common::runtime::http_util::{Body, Problem};
use hyper::Response;

use super::{Call, Context, Endpoint, Route, nothing, ok_json};
use crate::request::Refusal;

/// The document without the other endpoints: their paths and schemas are inserted before the lines `BEFORE_PATH`
/// and `BEFORE_SCHEMA`.
const FRAME: &str = include_str!("openapi.json");
const BEFORE_PATH: &str = "    \"/openapi.json\": {\n";
const BEFORE_SCHEMA: &str = "      \"Problem\": {\n";

/// Text around and between the paths and the schemas of a part.
const START: &str = "{\n  \"paths\": {\n";
const MIDDLE: &str = "\n  },\n  \"components\": {\n    \"schemas\": {\n";
const END: &str = "\n    }\n  }\n}\n";
/// The end of a part without schemas.
const END_OF_PATHS: &str = "\n  }\n}\n";

pub(super) struct OpenApi {
    document: Bytes,
}

impl OpenApi {
    /// The document of `routes` and of this endpoint.
    pub(super) fn of(routes: &[Route]) -> Self {
        Self { document: assemble(routes.iter().map(|route| route.openapi)).into() }
    }
}

/// Assembles the document from `parts` as text, which keeps the order of members; a test parses the result as JSON.
fn assemble<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let (mut paths, mut schemas) = (String::new(), String::new());
    for part in parts {
        let part = part.strip_prefix(START).unwrap_or(part);
        let (part_paths, part_schemas) = match part.split_once(MIDDLE) {
            Some((paths, schemas)) => (paths, schemas.strip_suffix(END).unwrap_or(schemas)),
            None => (part.strip_suffix(END_OF_PATHS).unwrap_or(part), ""),
        };
        for (text, all) in [(part_paths, &mut paths), (part_schemas, &mut schemas)] {
            if !text.is_empty() {
                all.push_str(text);
                all.push_str(",\n");
            }
        }
    }
    FRAME.replacen(BEFORE_PATH, &(paths + BEFORE_PATH), 1).replacen(
        BEFORE_SCHEMA,
        &(schemas + BEFORE_SCHEMA),
        1,
    )
}

impl Endpoint for OpenApi {
    type Request = ();

    const PATH: &'static str = "/openapi.json";
    /// Part of the frame.
    const OPENAPI: &'static str = "";
    const IS_LIMITED: bool = false;

    fn parse(&self, call: Call<'_>) -> Result<(), Refusal> {
        nothing(call)
    }

    async fn answer(&self, (): (), _: Context) -> Result<Response<Body>, Problem> {
        Ok(ok_json(self.document.clone()))
    }
}
