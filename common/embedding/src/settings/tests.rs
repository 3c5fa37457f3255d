use common_core::settings::{Settings, Variables, from_variables};
use common_core::{ErrorKind, Result};

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<EmbeddingSettings> {
    from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn defaults_find_what_setup_made() {
    let settings = read(&[("HOME", "/home/ada")]).unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    let cache = PathBuf::from("/home/ada/.cache/job-market");
    assert_eq!(settings.model.embedding_model.as_str(), "all-MiniLM-L6-v2");
    assert_eq!(settings.model.embedding_precision, Precision::Fp32);
    assert_eq!(settings.model.model_dir, cache.join("models"));
    let library = cache.join(format!("onnxruntime-{ONNXRUNTIME_VERSION}/libonnxruntime.so"));
    assert_eq!(settings.inference.ort_dylib_path, library);
    assert_eq!((settings.inference.device, settings.inference.threads.count()), (Device::Auto, cores));
    let elsewhere = read(&[("XDG_CACHE_HOME", "/var/cache")]).unwrap();
    assert_eq!(elsewhere.model.model_dir, PathBuf::from("/var/cache/job-market/models"));
}

#[test]
fn values_are_taken() {
    let settings = read(&[
        ("EMBEDDING_MODEL", "vertex:text-embedding-005"),
        ("EMBEDDING_PRECISION", "fp16"),
        ("DEVICE", "cuda"),
        ("THREADS", "3"),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.model.embedding_model.as_str(), "vertex:text-embedding-005");
    assert_eq!(settings.model.embedding_precision, Precision::Fp16);
    assert_eq!((settings.inference.device, settings.inference.threads.get()), (Device::Cuda, 3));
}

#[test]
fn an_invalid_value_is_refused_with_variable_value_and_what_is_expected() {
    for (variable, value, expected) in [
        ("EMBEDDING_MODEL", "../secrets", "the name of a model, such as all-MiniLM-L6-v2"),
        ("EMBEDDING_MODEL", "a/b", "the name of a model, such as all-MiniLM-L6-v2"),
        ("EMBEDDING_PRECISION", "FP32", "fp32, int8, fp16"),
        ("DEVICE", "gpu", "auto, cpu, cuda"),
        ("THREADS", "0", "a whole number from 1 to 1024"),
        ("THREADS", "many", "a whole number from 1 to 1024"),
    ] {
        let error = read(&[(variable, value)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.chain(), format!("invalid {variable} {value:?}: expected {expected}"));
    }
}

#[test]
fn a_flag_overrides_an_invalid_variable() {
    let variables = ["EMBEDDING_MODEL", "EMBEDDING_PRECISION", "DEVICE", "THREADS"];
    let variables = variables.map(|name| (name.to_owned(), "non/sense".to_owned()));
    let flags = [
        ("embedding_model", "all-mpnet-base-v2"),
        ("embedding_precision", "int8"),
        ("device", "cpu"),
        ("threads", "2"),
    ];
    let variables =
        flags.into_iter().fold(Variables::new(variables).unwrap(), |variables, (field, value)| {
            variables.with_flag(field, value)
        });
    let settings = EmbeddingSettings::read(&variables).unwrap();
    assert_eq!(settings.model.embedding_model.as_str(), "all-mpnet-base-v2");
    assert_eq!((settings.inference.device, settings.inference.threads.get()), (Device::Cpu, 2));
}

#[test]
fn the_project_of_the_dataset_pays_where_none_is_named() {
    let project = |named: &[(&str, &str)], of_dataset| {
        read(named).unwrap().or_project(of_dataset).inference.google_cloud_project
    };
    assert_eq!(project(&[], None), None);
    assert_eq!(project(&[], Some("data")).as_deref(), Some("data"));
    assert_eq!(project(&[("GOOGLE_CLOUD_PROJECT", "bills")], Some("data")).as_deref(), Some("bills"));
}
