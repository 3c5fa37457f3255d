use common_core::ErrorKind;
use common_core::settings::{Settings, from_variables};

use super::*;

fn read<S: Settings>(variables: &[(&str, &str)]) -> Result<S> {
    from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn assert_rejected<S: Settings + fmt::Debug>(variable: &str, value: &str, expected: &str) {
    let error = read::<S>(&[(variable, value)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.chain(), format!("invalid {variable} {value:?}: expected {expected}"));
}

#[test]
fn values_are_read() {
    let process: ProcessSettings = read(&[("K_SERVICE", "similar"), ("LOG_FORMAT", "json")]).unwrap();
    assert_eq!((process.service_name(), process.log_format), (Some("similar"), LogFormat::Json));
    let job: ProcessSettings = read(&[("CLOUD_RUN_JOB", "embed")]).unwrap();
    assert_eq!((job.service_name(), job.log_format), (Some("embed"), LogFormat::Auto));
    assert_eq!(read::<ListenSettings>(&[("PORT", " 8080 ")]).unwrap().port.map(Whole::get), Some(8080));
    let serving: ServingSettings = read(&[("CORS_ALLOW_ORIGIN", "http://localhost:3000")]).unwrap();
    assert_eq!(serving.cors_allow_origin.as_ref().map(Origin::as_str), Some("http://localhost:3000"));
}

#[test]
fn an_invalid_value_is_rejected_with_variable_value_and_expectation() {
    let origin = "* or an origin, such as https://jobs.example.sg";
    assert_rejected::<ListenSettings>("PORT", "65536", "a whole number from 0 to 65535");
    assert_rejected::<ListenSettings>("PORT", "-1", "a whole number from 0 to 65535");
    assert_rejected::<TaskSettings>("CLOUD_RUN_TASK_COUNT", "0", "a whole number from 1 to 10000");
    assert_rejected::<TaskSettings>(
        "CLOUD_RUN_TASK_ATTEMPT",
        "first",
        &format!("a whole number from 0 to {}", u32::MAX),
    );
    assert_rejected::<ServingSettings>("MAX_CONCURRENT", "0", "a whole number from 1 to 10000");
    assert_rejected::<ServingSettings>("REQUEST_DEADLINE_MS", "1.5", "a whole number from 1 to 3600000");
    assert_rejected::<ServingSettings>("CORS_ALLOW_ORIGIN", "example.com", origin);
    assert_rejected::<ServingSettings>("CORS_ALLOW_ORIGIN", "https://a.example, https://b.example", origin);
    assert_rejected::<ServingSettings>("CORS_ALLOW_ORIGIN", "https://a.example/", origin);
    assert_rejected::<ProcessSettings>("LOG_FORMAT", "xml", "auto, json, text");
}

#[test]
fn rust_log_accepts_levels_and_lists() {
    for good in ["info", "INFO", "off", "warn,hyper=debug", "embed_new_jobs=trace", "info,hyper=off"] {
        read::<ProcessSettings>(&[("RUST_LOG", good)]).unwrap();
    }
    let expected = "off, error, warn, info, debug, trace, or a list such as info,hyper=debug";
    for bad in ["verbose", "info,loud", "hyper=noisy", "info, debug", "a=b=c"] {
        assert_rejected::<ProcessSettings>("RUST_LOG", bad, expected);
    }
}

#[test]
fn a_task_gets_the_shard_of_its_index() {
    let shard = |index: &str, count: &str, url: &str| {
        let task: TaskSettings =
            read(&[("CLOUD_RUN_TASK_INDEX", index), ("CLOUD_RUN_TASK_COUNT", count)]).unwrap();
        task.shard(&WarehouseUrl::read(url).unwrap())
    };
    let bigquery = "bigquery://project/dataset";
    assert_eq!(shard("3", "8", bigquery).unwrap(), Shard { index: 3, count: 8 });
    assert_eq!(shard("0", "20", bigquery).unwrap().count, 20);
    assert_eq!(shard("0", "21", "duckdb:jobs.duckdb").unwrap().count, 21);
    let error = shard("0", "21", bigquery).unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Configuration, 2));
    let message = error.to_string();
    assert!(message.starts_with("invalid CLOUD_RUN_TASK_COUNT \"21\": expected 1 to 20"), "{message}");
    let out_of_range = shard("8", "8", bigquery).unwrap_err().to_string();
    assert_eq!(out_of_range, "invalid CLOUD_RUN_TASK_INDEX \"8\": expected a whole number from 0 to 7");
}
