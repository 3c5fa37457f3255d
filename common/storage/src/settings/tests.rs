use common_core::ErrorKind;
use common_core::settings::from_variables;

use super::*;

fn read(variable: &str, value: &str) -> common_core::Result<StorageSettings> {
    from_variables([(variable.to_owned(), value.to_owned())])
}

#[test]
fn urls_are_read_and_printed() {
    for url in ["duckdb:a b/c.duckdb", "bigquery://my-project/jobs", "bigquery://example.com:p-1/_Jobs_2"] {
        assert_eq!(read("WAREHOUSE_URL", url).unwrap().warehouse_url.to_string(), url);
    }
    for (url, printed) in [
        ("file:/tmp/x", "file:/tmp/x"),
        ("gs://bucket", "gs://bucket/"),
        ("gs://bucket/a/b/", "gs://bucket/a/b"),
    ] {
        assert_eq!(read("ARTIFACTS_URL", url).unwrap().artifacts_url.to_string(), printed);
    }
    let defaults: StorageSettings = from_variables([]).unwrap();
    assert_eq!(defaults.warehouse_url.to_string(), "duckdb:data/jobs.duckdb");
    assert_eq!(defaults.artifacts_url.to_string(), "file:data/artifacts");
    assert_eq!((defaults.request_timeout_s.get(), defaults.max_bytes_billed), (60, None));
}

#[test]
fn an_invalid_value_is_refused_with_variable_value_and_what_is_expected() {
    let warehouse = "duckdb:PATH or bigquery://PROJECT/DATASET, where DATASET has only letters, digits and \
                     underscores";
    let artifacts = "file:PATH or gs://BUCKET/PREFIX";
    for (variable, value, expected) in [
        ("WAREHOUSE_URL", "postgres://x", warehouse),
        ("WAREHOUSE_URL", "duckdb:", warehouse),
        ("WAREHOUSE_URL", "bigquery://project", warehouse),
        ("WAREHOUSE_URL", "bigquery:///dataset", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/dataset/table", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/no such?dataset's", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/a-b", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/größe", warehouse),
        ("WAREHOUSE_URL", "bigquery://a project/dataset", warehouse),
        ("ARTIFACTS_URL", "file:", artifacts),
        ("ARTIFACTS_URL", "gs://", artifacts),
        ("ARTIFACTS_URL", "s3://bucket", artifacts),
        ("REQUEST_TIMEOUT_S", "0", "a whole number from 1 to 3600"),
        ("MAX_BYTES_BILLED", "1GB", "a whole number from 0 to 9223372036854775807"),
    ] {
        let error = read(variable, value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.chain(), format!("invalid {variable} {value:?}: expected {expected}"));
    }
}
