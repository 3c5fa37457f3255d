//! Other judges: Python's LightGBM and valgrind.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;

/// Reads a model's text, a matrix and labels; prints the predictions of the model, and of one that it trains itself.
const SCRIPT: &str = "
import json, sys
import lightgbm, numpy
given = json.load(sys.stdin)
matrix = numpy.frombuffer(bytes.fromhex(given['values']), '<f4').reshape(-1, given['columns'])
labels = numpy.frombuffer(bytes.fromhex(given['labels']), '<f4')
read = lightgbm.Booster(model_str=given['text'])
dataset = lightgbm.Dataset(matrix, labels, categorical_feature=given['categorical'], params=given['dataset'])
own = lightgbm.train(given['training'], dataset, given['rounds'])
answers = [read.predict(matrix), read.predict(matrix, pred_contrib=True), own.predict(matrix)]
print(*(answer.astype('<f8').tobytes().hex() for answer in answers))
";

/// The Python of the virtual environment of the tests, or `None` if `scripts/test` has not created it.
fn python() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(cache.join("job-market/test-venv/bin/python")).filter(|python| python.exists())
}

/// Reports that a test is skipped, even if its output is captured.
fn left_out(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {test}: {why}");
}

fn hex(bytes: impl Iterator<Item = [u8; 4]>) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in bytes.flatten() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

#[test]
fn python_reads_our_models_and_trains_the_same() {
    let Some(python) = python() else {
        left_out("comparison with Python's LightGBM", "scripts/test has not created its environment");
        return;
    };
    let market = Market::new(500, 31);
    for (labels, classes) in [(&market.numbers, 1), (&market.classes, 3)] {
        let (objective, parameters) =
            if classes == 1 { ("regression", regression()) } else { ("multiclass", several_classes()) };
        let booster = trained(&market.dataset(labels, None), parameters, 15);
        let given = serde_json::json!({
            "text": booster.to_text().unwrap(),
            "values": hex(market.values.iter().map(|value| value.to_le_bytes())),
            "labels": hex(labels.iter().map(|label| label.to_le_bytes())),
            "columns": COLUMNS,
            "categorical": [CATEGORY],
            "rounds": 15,
            "dataset": {"max_bin": 63, "min_data_in_bin": 1, "feature_pre_filter": false, "verbosity": -1},
            "training": {
                "objective": objective, "num_class": classes, "num_leaves": 7, "min_data_in_leaf": 3, "num_threads": 1,
                "deterministic": true, "force_col_wise": true, "verbosity": -1, "feature_pre_filter": false,
            },
        });
        let mut child = Command::new(&python)
            .args(["-B", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let matrix = market.matrix();
        let ours = booster.predict(matrix).unwrap();
        let expected = [ours.clone(), booster.contributions(matrix).unwrap(), ours];
        let answer = String::from_utf8(output.stdout).unwrap();
        for (what, (answer, ours)) in answer.split_whitespace().zip(&expected).enumerate() {
            let ours: Vec<u8> = ours.iter().flat_map(|value| value.to_le_bytes()).collect();
            let theirs: Vec<u8> = (0..answer.len() / 2)
                .map(|byte| u8::from_str_radix(&answer[2 * byte..2 * byte + 2], 16).unwrap())
                .collect();
            assert!(theirs == ours, "{objective}: answer {what} differs");
        }
        assert_eq!(answer.split_whitespace().count(), expected.len());
    }
}

/// A buffer for contributions that is too short is a write outside it, which no other test would notice.
#[test]
fn valgrind_finds_no_access_outside_the_buffers() {
    let test = "tests::contributions_of_several_classes_add_up_to_the_raw_score";
    let valgrind = Command::new("valgrind")
        .args(["--quiet", "--error-exitcode=9", "--leak-check=no"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env("OMP_NUM_THREADS", "1")
        .output();
    let Ok(output) = valgrind else {
        left_out("memory accesses of LightGBM", "valgrind is not installed");
        return;
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}
