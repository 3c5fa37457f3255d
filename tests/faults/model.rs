//! Missing or altered models, unusable runtime libraries, and missing devices.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::assert_refused;
use crate::support::{Ended, Market, Running, left_out, model_dir};

fn embed_with(market: &Market, variable: &str, value: &Path) -> Ended {
    Running::start(market.command("embed-new-jobs").env(variable, value).arg("--once")).end()
}

/// A copy of the model package made of symbolic links, which a test can replace.
fn linked_model(into: &Path) -> PathBuf {
    let package = into.join("all-MiniLM-L6-v2");
    std::fs::create_dir_all(&package).unwrap();
    for entry in std::fs::read_dir(model_dir().join("all-MiniLM-L6-v2")).unwrap() {
        let entry = entry.unwrap();
        std::os::unix::fs::symlink(entry.path(), package.join(entry.file_name())).unwrap();
    }
    package
}

#[test]
fn errors_about_missing_models_name_the_setup_command() {
    let market = Market::generated(2);
    let folder = tempfile::tempdir().unwrap();
    let ended = embed_with(&market, "MODEL_DIR", folder.path());
    assert_refused(&ended, 1, &["all-MiniLM-L6-v2", "scripts/setup --model"]);
    let unknown = market.embed(&["--model", "no-such-model"]);
    assert_refused(&unknown, 2, &["EMBEDDING_MODEL", "no-such-model", "all-MiniLM-L6-v2"]);
    let nonsense = market.embed(&["--model", "../../etc"]);
    assert_refused(&nonsense, 2, &["EMBEDDING_MODEL", "../../etc"]);
}

#[test]
fn altered_models_are_refused() {
    let market = Market::generated(2);
    for (file, change) in [("model.fp32.onnx", "one bit"), ("tokenizer.json", "cut"), ("model.json", "cut")] {
        let folder = tempfile::tempdir().unwrap();
        let path = linked_model(folder.path()).join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        if change == "cut" {
            bytes.truncate(middle);
        } else {
            bytes[middle] ^= 1;
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let ended = embed_with(&market, "MODEL_DIR", folder.path());
        assert_refused(&ended, 1, &[file, "scripts/setup"]);
    }
}

#[test]
fn errors_name_an_unusable_runtime_library() {
    let market = Market::generated(2);
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("libonnxruntime.so");
    assert_refused(
        &embed_with(&market, "ORT_DYLIB_PATH", &missing),
        2,
        &["libonnxruntime.so", "scripts/setup"],
    );
    std::fs::write(&missing, "not a library").unwrap();
    assert_refused(
        &embed_with(&market, "ORT_DYLIB_PATH", &missing),
        2,
        &["libonnxruntime.so", "scripts/setup"],
    );

    // A library with the symbols of ONNX Runtime and an old version number.
    let source = folder.path().join("old.c");
    std::fs::write(
        &source,
        "typedef struct { const void *(*get)(unsigned); const char *(*version)(void); } Base;\n\
         static const void *get(unsigned v) { return v > 16 ? 0 : (const void *)1; }\n\
         static const char *version(void) { return \"1.16.3\"; }\n\
         static Base base = { get, version };\n\
         const Base *OrtGetApiBase(void) { return &base; }\n",
    )
    .unwrap();
    let old = folder.path().join("libonnxruntime-old.so");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&old).arg(&source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        return left_out("errors_name_an_unusable_runtime_library", "there is no C compiler");
    }
    let ended = embed_with(&market, "ORT_DYLIB_PATH", &old);
    assert_refused(&ended, 2, &["libonnxruntime-old.so", "1.16.3", "scripts/setup"]);
}

#[test]
fn cuda_without_a_gpu_is_an_error() {
    if Path::new("/dev/nvidiactl").exists() {
        return left_out("cuda_without_a_gpu_is_an_error", "this machine has a GPU");
    }
    let market = Market::generated(2);
    assert_refused(&market.embed(&["--device", "cuda"]), 2, &["DEVICE is cuda", "no NVIDIA GPU"]);
}
