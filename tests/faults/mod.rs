//! What a user may get wrong, and what machines do: each ends in one sentence that names the thing and the remedy.

mod deaths;
mod model;
mod streams;
mod warehouse;

use crate::support::Ended;

/// The run failed with `code`, said one sentence that has all of `parts`, and neither panicked nor showed a stack.
pub(crate) fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let sentences: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(sentences.len(), 1, "{}", ended.stderr);
    for part in parts {
        assert!(sentences[0].contains(part), "no {part:?} in {}", sentences[0]);
    }
    for bad in ["panicked", "backtrace", "stack"] {
        assert!(!ended.stderr.contains(bad), "{}", ended.stderr);
    }
}
