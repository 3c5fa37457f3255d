//! Mistakes of users and failures of machines: each ends with one error that names the subject and the remedy.

mod deaths;
mod model;
mod streams;
mod warehouse;

use crate::support::Ended;

/// Asserts that the run failed with `code` and one error that contains all of `parts`, without a panic or a backtrace.
pub(crate) fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{}", ended.stderr);
    for part in parts {
        assert!(errors[0].contains(part), "no {part:?} in {}", errors[0]);
    }
    for bad in ["panicked", "backtrace", "stack"] {
        assert!(!ended.stderr.contains(bad), "{}", ended.stderr);
    }
}
