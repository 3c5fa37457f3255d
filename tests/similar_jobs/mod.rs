//! What `build-vector-index` and `similar-jobs` promise: an index whole or absent, good enough or unpublished, and answers
//! whatever happens to store, files and process.

mod bigquery;
mod builds;
mod conformance;
mod damage;
mod ends;
mod interruption;
mod many;
mod stores;
mod warehouse;
mod worlds;

use crate::support::Ended;

/// The run ended with `code`, said one sentence that has all of `parts`, and did not panic.
fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let sentences: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(sentences.len(), 1, "{}", ended.stderr);
    for part in parts {
        assert!(sentences[0].contains(part), "no {part:?} in {}", sentences[0]);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
