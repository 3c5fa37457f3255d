use super::*;
use crate::ErrorKind;

/// The configuration that these variables make, without flags.
fn load(variables: &[(&str, &str)]) -> Result<Config> {
    load_with(variables, &CommonArgs::default(), &EmbeddingArgs::default())
}

fn load_with(variables: &[(&str, &str)], common: &CommonArgs, embedding: &EmbeddingArgs) -> Result<Config> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_variables(variables, common, embedding)
}

/// The JSON form of one setting, as `--config` prints it.
fn setting(variables: &[(&str, &str)], name: &str) -> serde_json::Value {
    serde_json::to_value(load(variables).unwrap()).unwrap()[name].clone()
}

#[test]
fn every_variable_has_its_default() {
    let config = load(&[("HOME", "/home/ada")]).unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    let expected = serde_json::json!({
        "warehouse": "duckdb:data/jobs.duckdb",
        "artifacts": "file:data/artifacts",
        "bigquery_emulator_host": null,
        "storage_emulator_host": null,
        "bigquery_location": "asia-southeast1",
        "max_bytes_billed": null,
        "request_timeout_s": 60,
        "vertex_location": "us-central1",
        "vertex_emulator_host": null,
        "embedding_model": "all-MiniLM-L6-v2",
        "embedding_precision": "fp32",
        "device": "auto",
        "model_dir": "/home/ada/.cache/job-market/models",
        "index_dir": "/home/ada/.cache/job-market/indexes",
        "ort_dylib_path": format!("/home/ada/.cache/job-market/onnxruntime-{ONNXRUNTIME_VERSION}/libonnxruntime.so"),
        "threads": cores,
        "port": null,
        "service": null,
        "is_cloud_run_job": false,
        "execution": null,
        "shard": { "index": 0, "count": 1 },
        "attempt": 0,
        "google_cloud_project": null,
        "search": "index",
        "max_concurrent": 64,
        "request_deadline_ms": 10_000,
        "cors_allow_origin": null,
        "index_poll_s": 10,
        "log_format": "auto",
        "log_filter": "info",
    });
    assert_eq!(serde_json::to_value(config).unwrap(), expected);
}

#[test]
fn every_variable_is_taken() {
    for (variable, value, name, expected) in [
        ("WAREHOUSE_URL", "duckdb:a b/c.duckdb", "warehouse", "\"duckdb:a b/c.duckdb\""),
        ("WAREHOUSE_URL", "bigquery://my-project/jobs", "warehouse", "\"bigquery://my-project/jobs\""),
        ("ARTIFACTS_URL", "file:/tmp/x", "artifacts", "\"file:/tmp/x\""),
        ("ARTIFACTS_URL", "gs://bucket", "artifacts", "\"gs://bucket/\""),
        ("ARTIFACTS_URL", "gs://bucket/a/b/", "artifacts", "\"gs://bucket/a/b\""),
        ("BIGQUERY_EMULATOR_HOST", "localhost:9050", "bigquery_emulator_host", "\"localhost:9050\""),
        ("BIGQUERY_LOCATION", "EU", "bigquery_location", "\"EU\""),
        ("MAX_BYTES_BILLED", "1000000000", "max_bytes_billed", "1000000000"),
        ("REQUEST_TIMEOUT_S", "5", "request_timeout_s", "5"),
        ("VERTEX_LOCATION", "europe-west4", "vertex_location", "\"europe-west4\""),
        ("VERTEX_EMULATOR_HOST", "localhost:1", "vertex_emulator_host", "\"localhost:1\""),
        (
            "STORAGE_EMULATOR_HOST",
            "http://localhost:4443",
            "storage_emulator_host",
            "\"http://localhost:4443\"",
        ),
        ("EMBEDDING_MODEL", "all-mpnet-base-v2", "embedding_model", "\"all-mpnet-base-v2\""),
        ("EMBEDDING_PRECISION", "int8", "embedding_precision", "\"int8\""),
        ("EMBEDDING_PRECISION", "fp16", "embedding_precision", "\"fp16\""),
        ("DEVICE", "cpu", "device", "\"cpu\""),
        ("DEVICE", "cuda", "device", "\"cuda\""),
        ("MODEL_DIR", "/models", "model_dir", "\"/models\""),
        ("ORT_DYLIB_PATH", "/lib/ort.so", "ort_dylib_path", "\"/lib/ort.so\""),
        ("THREADS", "3", "threads", "3"),
        ("PORT", "8080", "port", "8080"),
        ("PORT", " 8080 ", "port", "8080"),
        ("K_SERVICE", "similar", "service", "\"similar\""),
        ("CLOUD_RUN_JOB", "embed", "service", "\"embed\""),
        ("CLOUD_RUN_JOB", "embed", "is_cloud_run_job", "true"),
        ("CLOUD_RUN_EXECUTION", "embed-x7", "execution", "\"embed-x7\""),
        ("CLOUD_RUN_TASK_ATTEMPT", "2", "attempt", "2"),
        ("GOOGLE_CLOUD_PROJECT", "my-project", "google_cloud_project", "\"my-project\""),
        ("SEARCH", "warehouse", "search", "\"warehouse\""),
        ("MAX_CONCURRENT", "8", "max_concurrent", "8"),
        ("REQUEST_DEADLINE_MS", "250", "request_deadline_ms", "250"),
        ("CORS_ALLOW_ORIGIN", "*", "cors_allow_origin", "\"*\""),
        ("CORS_ALLOW_ORIGIN", "http://localhost:3000", "cors_allow_origin", "\"http://localhost:3000\""),
        ("INDEX_POLL_S", "1", "index_poll_s", "1"),
        ("LOG_FORMAT", "json", "log_format", "\"json\""),
        ("LOG_FORMAT", "text", "log_format", "\"text\""),
        ("RUST_LOG", "debug", "log_filter", "\"debug\""),
    ] {
        let found = setting(&[(variable, value)], name);
        assert_eq!(found.to_string(), expected, "{variable}={value}");
    }
    let shard = setting(&[("CLOUD_RUN_TASK_INDEX", "3"), ("CLOUD_RUN_TASK_COUNT", "8")], "shard");
    assert_eq!(shard, serde_json::json!({ "index": 3, "count": 8 }));
    assert_eq!(setting(&[("XDG_CACHE_HOME", "/var/cache")], "model_dir"), "/var/cache/job-market/models");
}

#[test]
fn a_wrong_value_is_refused_in_one_sentence_with_variable_value_and_what_is_allowed() {
    let warehouse = "duckdb:PATH or bigquery://PROJECT/DATASET";
    let artifacts = "file:PATH or gs://BUCKET/PREFIX";
    let origin = "* or an origin, such as https://jobs.example.sg";
    let attempts = format!("a whole number from 0 to {}", u32::MAX);
    for (variable, value, allowed) in [
        ("WAREHOUSE_URL", "postgres://x", warehouse),
        ("WAREHOUSE_URL", "duckdb:", warehouse),
        ("WAREHOUSE_URL", "bigquery://project", warehouse),
        ("WAREHOUSE_URL", "bigquery:///dataset", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/", warehouse),
        ("WAREHOUSE_URL", "bigquery://project/dataset/table", warehouse),
        ("ARTIFACTS_URL", "file:", artifacts),
        ("ARTIFACTS_URL", "gs://", artifacts),
        ("ARTIFACTS_URL", "s3://bucket", artifacts),
        ("EMBEDDING_MODEL", "../secrets", "a model's name, such as all-MiniLM-L6-v2"),
        ("EMBEDDING_MODEL", "a/b", "a model's name, such as all-MiniLM-L6-v2"),
        ("EMBEDDING_PRECISION", "FP32", "fp32, int8, fp16"),
        ("DEVICE", "gpu", "auto, cpu, cuda"),
        ("THREADS", "0", "a whole number from 1 to 1024"),
        ("THREADS", "many", "a whole number from 1 to 1024"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "-1", "a whole number from 0 to 65535"),
        ("CLOUD_RUN_TASK_COUNT", "0", "a whole number from 1 to 10000"),
        ("CLOUD_RUN_TASK_INDEX", "1", "a whole number from 0 to 0"),
        ("CLOUD_RUN_TASK_ATTEMPT", "first", &attempts),
        ("SEARCH", "google", "index, warehouse"),
        ("MAX_CONCURRENT", "0", "a whole number from 1 to 10000"),
        ("REQUEST_DEADLINE_MS", "1.5", "a whole number from 1 to 3600000"),
        ("CORS_ALLOW_ORIGIN", "example.com", origin),
        ("CORS_ALLOW_ORIGIN", "https://a.example, https://b.example", origin),
        ("CORS_ALLOW_ORIGIN", "https://a.example/", origin),
        ("INDEX_POLL_S", "0", "a whole number from 1 to 86400"),
        ("LOG_FORMAT", "xml", "auto, json, text"),
    ] {
        let error = load(&[(variable, value)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.chain(), format!("{variable} is {value:?}; allowed is {allowed}"));
    }
    let tasks = |count: &str, url: &str| load(&[("CLOUD_RUN_TASK_COUNT", count), ("WAREHOUSE_URL", url)]);
    let refused = tasks("21", "bigquery://project/dataset").unwrap_err();
    assert_eq!((refused.kind(), refused.kind().exit_code()), (ErrorKind::Configuration, 2));
    let sentence = refused.to_string();
    assert!(sentence.starts_with("invalid CLOUD_RUN_TASK_COUNT \"21\": expected 1 to 20"), "{sentence}");
    assert_eq!(tasks("20", "bigquery://project/dataset").unwrap().shard.count, 20);
    assert_eq!(tasks("21", "duckdb:jobs.duckdb").unwrap().shard.count, 21);
    let beyond = load(&[("CLOUD_RUN_TASK_INDEX", "8"), ("CLOUD_RUN_TASK_COUNT", "8")]).unwrap_err();
    assert_eq!(beyond.to_string(), "CLOUD_RUN_TASK_INDEX is \"8\"; allowed is a whole number from 0 to 7");
}

#[test]
fn an_empty_variable_counts_as_not_set_and_an_unknown_one_is_none_of_ours() {
    let config =
        load(&[("DEVICE", ""), ("PORT", "  "), ("WAREHOUSE_URL", ""), ("SOMETHING", "else")]).unwrap();
    assert_eq!(config.device, Device::Auto);
    assert_eq!(config.port, None);
    assert_eq!(config.warehouse, WarehouseUrl::DuckDb("data/jobs.duckdb".into()));
}

#[test]
fn a_flag_overrides_its_variable() {
    let variables = [
        ("WAREHOUSE_URL", "nonsense"),
        ("ARTIFACTS_URL", "nonsense"),
        ("LOG_FORMAT", "nonsense"),
        ("EMBEDDING_MODEL", "non/sense"),
        ("EMBEDDING_PRECISION", "nonsense"),
        ("DEVICE", "nonsense"),
        ("THREADS", "nonsense"),
    ];
    let common = CommonArgs {
        warehouse_url: Some("duckdb:x".into()),
        artifacts_url: Some("gs://b/p".into()),
        log_format: Some("json".into()),
    };
    let embedding = EmbeddingArgs {
        model: Some("all-mpnet-base-v2".into()),
        precision: Some("int8".into()),
        device: Some("cpu".into()),
        threads: Some("2".into()),
    };
    let config = load_with(&variables, &common, &embedding).unwrap();
    assert_eq!(config.warehouse, WarehouseUrl::DuckDb("x".into()));
    assert_eq!(config.artifacts, ArtifactsUrl::Gcs { bucket: "b".into(), prefix: "p".into() });
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.embedding_model, "all-mpnet-base-v2");
    assert_eq!(config.embedding_precision, Precision::Int8);
    assert_eq!(config.device, Device::Cpu);
    assert_eq!(config.threads, 2);
}

#[test]
fn a_variable_of_ours_that_is_no_text_is_refused_by_name() {
    use std::os::unix::ffi::OsStringExt;
    let latin = || OsString::from_vec(b"caf\xe9".to_vec());
    for name in
        ["WAREHOUSE_URL", "MODEL_DIR", "PORT", "CLOUD_RUN_JOB", "HOME", "GOOGLE_APPLICATION_CREDENTIALS"]
    {
        let error = variables([(name.into(), latin())].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), format!("{name} is \"caf\u{fffd}\"; allowed is text in UTF-8"));
        assert_eq!(error.kind().exit_code(), 2);
    }
    let others = [("LS_COLORS".into(), latin()), (latin(), "x".into()), ("PORT".into(), "80".into())];
    assert_eq!(variables(others.into_iter()).unwrap(), [("PORT".to_owned(), "80".to_owned())]);
}
