//! The table of endpoints and the `OpenAPI` document agree.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::testing::{Running, routes};

/// The document that `/openapi.json` returns.
fn document() -> Value {
    let reply = Running::usual().get("/openapi.json");
    assert_eq!(reply.status, 200);
    serde_json::from_str(&reply.text).unwrap()
}

/// The parameters of `route`, in order, from its refusal of an unknown one.
fn parameters(route: &Route) -> Vec<String> {
    let call = Call { segments: &[], query: Some("no_such_name=1"), body: None };
    let problem = Problem::from(route.read(call).err().expect("a refusal"));
    let sentence = problem.members()["detail"].as_str().unwrap();
    let known = sentence.strip_prefix("invalid parameter \"no_such_name\": expected ").expect(sentence);
    let known = known.strip_prefix("one of ").unwrap_or(known).replace(" or ", ", ");
    known.split(", ").filter(|name| *name != "none").map(str::to_owned).collect()
}

#[test]
fn the_document_describes_every_endpoint_with_its_methods_and_parameters() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let routes: Vec<Route> =
        routes().into_iter().filter(|route| page::routes().all(|file| file.path != route.path)).collect();
    assert_eq!(
        paths.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        routes.iter().map(|route| route.path).collect()
    );
    for route in &routes {
        let described = &paths[route.path];
        assert_eq!(described.get("post").is_some(), route.takes(&Method::POST), "{}", route.path);
        assert_eq!(described.as_object().unwrap().len(), 1 + usize::from(route.takes(&Method::POST)));
        let described = described["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let within = |place: &str| {
            let of_place = described.iter().filter(|parameter| parameter["in"] == place);
            of_place.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(within("query"), parameters(route), "{}", route.path);
        let braces: Vec<&str> =
            route.path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(within("path"), braces);
    }
}

#[test]
fn every_reference_of_the_document_has_a_target_and_every_schema_a_reference() {
    let document = document();
    let mut targets = BTreeSet::new();
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
            targets.insert(target);
        }
        left.extend(value.as_object().into_iter().flat_map(serde_json::Map::values));
        left.extend(value.as_array().into_iter().flatten());
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(targets.contains(format!("#/components/schemas/{name}").as_str()), "{name}");
    }
}

/// The document's examples are valid requests, and responses of the format that the service sends.
#[test]
fn the_examples_of_the_document_hold() {
    let document = document();
    let service = Running::clustered();
    let post = &document["paths"]["/v1/similar"]["post"];
    for (name, example) in post["requestBody"]["content"]["application/json"]["examples"].as_object().unwrap()
    {
        similar::SimilarRequest::from_json(example["value"].to_string().as_bytes())
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
    }
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let shown = &post["responses"]["200"]["content"]["application/json"]["examples"]["one"]["value"];
    let real = service.post(r#"{"text": "line cook"}"#).json;
    assert_eq!(names(&real), names(shown));
    assert_eq!(names(&real["results"][0]), names(&shown["results"][0]));
    for (path, schema) in [
        ("/v1/index", "Index"),
        ("/v1/map", "Map"),
        ("/v1/jobs?q=cook", "Jobs"),
        ("/v1/jobs/MCF/0", "OneJob"),
        ("/v1/clusters", "Clusters"),
        ("/v1/clusters/1", "OneCluster"),
    ] {
        let schema = &document["components"]["schemas"][schema]["properties"];
        assert_eq!(names(&service.get(path).json), names(schema), "{path}");
    }
    let real = service.get("/v1/clusters/1").json;
    let responses = &document["paths"]["/v1/clusters/{id}"]["get"]["responses"];
    let shown = &responses["200"]["content"]["application/json"]["example"];
    assert_eq!(names(&real["cluster"]), names(&shown["cluster"]));
    for list in ["pay", "titles", "months", "nearest"] {
        assert_eq!(names(&real["cluster"][list][0]), names(&shown["cluster"][list][0]), "{list}");
    }
    let listed = &document["components"]["schemas"]["ListedCluster"]["properties"];
    assert_eq!(names(&service.get("/v1/clusters").json["clusters"][0]), names(listed));
    let filters = &document["components"]["schemas"]["Index"]["properties"]["filters"]["properties"];
    assert_eq!(names(&service.get("/v1/index").json["filters"]), names(filters));
    let point = &document["components"]["schemas"]["Map"]["properties"]["points"]["items"]["properties"];
    assert_eq!(names(&service.get("/v1/map").json["points"][0]), names(point));
}

/// The members of an object, from `sentence`, the refusal of an unknown member.
fn members(sentence: &str) -> BTreeSet<String> {
    let (_, known) = sentence.split_once("\": expected ").expect(sentence);
    let known = known.strip_prefix("one of ").unwrap_or(known).replace(" or ", ", ");
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schemas_of_requests_have_the_members_that_are_read() {
    let document = document();
    for (schema, body) in [
        ("Query", r#"{"no_such_name": 1}"#),
        ("Filter", r#"{"filter": {"no_such_name": 1}}"#),
        ("JobKey", r#"{"job": {"no_such_name": 1}}"#),
        ("Batch", r#"{"queries": [], "no_such_name": 1}"#),
    ] {
        let body = body.replace("[]", r#"[{"text": "a"}]"#);
        let problem =
            Problem::from(similar::SimilarRequest::from_json(body.as_bytes()).expect_err("a refusal"));
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let read = members(problem.members()["detail"].as_str().unwrap());
        assert_eq!(properties.keys().cloned().collect::<BTreeSet<_>>(), read, "{schema}");
    }
}
