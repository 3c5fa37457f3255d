//! The service conforms to `/openapi.json` for all requests that Schemathesis generates.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Market, ad, left_out, python, tests_dir};

/// Checks that hold for every request. The check that valid data is accepted is not among them, because an ad that
/// the index does not have is 404.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection";

#[tokio::test(flavor = "multi_thread")]
async fn generated_requests_are_answered_as_the_openapi_document_describes() {
    let Some(python) = python() else {
        return left_out(
            "generated_requests_are_answered_as_the_openapi_document_describes",
            "the Python of scripts/test is missing",
        );
    };
    let market = Market::with_models(300);
    // The ad in the document's examples.
    market.load(&[ad("MCF-2025-0012345", json!("Senior Accountant"), Value::Null, 1)]);
    market.embedded(&[]);
    market.publish_clusters(&["Accounting and audit", "Nursing", "Sales"]).await;
    let service = market.serving(&[]);
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python.with_file_name("schemathesis"))
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", tests_dir().join("similar_jobs/conformance_hooks.py"))
        .args(["run", &format!("{}openapi.json", service.url())])
        .args(["--checks", CHECKS, "--max-examples", "30", "--seed", "7", "--workers", "1"])
        // The phase `coverage` takes two minutes of CPU to generate its requests.
        .args(["--phases", "examples,fuzzing", "--generation-database", "none"])
        .args(["--suppress-health-check", "all", "--no-color"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // Requests were sent, and not all of them were refused.
    let metrics = service.get("metrics").text;
    for (route, status) in
        [("/v1/similar", 200), ("/v1/similar", 400), ("/v1/similar", 404), ("/v1/jobs", 200)]
    {
        let sample = format!("http_requests_total{{route=\"{route}\",status=\"{status}\"}} ");
        let count = metrics.lines().find_map(|line| line.strip_prefix(&sample)?.parse::<u32>().ok());
        assert!(count.is_some_and(|count| count >= 5), "{sample}{count:?}\n{said}");
    }
}
