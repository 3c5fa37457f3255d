//! Fail points: named points at which a test can make a thread or task of a program panic.
//!
//! A build with debug assertions reads two variables when it reaches the first point:
//!
//! - `JOB_MARKET_FAILPOINT=NAME:N`: the program panics when it reaches the point `NAME` for the `N`-th time
//! - `JOB_MARKET_FAILPOINT_TRACE=FILE`: the name of every point that is reached is appended to `FILE`, one per line
//!
//! In a release build [`reach`] is an empty function. Points are placed after a page, a chunk or a statement, never in
//! an inner loop.

/// Marks the point `name` as reached.
///
/// # Panics
/// If the environment requests it.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_name: &str) {}

#[cfg(debug_assertions)]
pub use armed::reach;

#[cfg(debug_assertions)]
mod armed {
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, Default)]
    struct Plan {
        name: String,
        /// The program panics when the point is reached this many more times.
        left: AtomicU64,
        trace: Option<File>,
    }

    impl Plan {
        fn from_environment() -> Self {
            let text = |name: &str| std::env::var(name).unwrap_or_default();
            let point = text("JOB_MARKET_FAILPOINT");
            let (name, nth) = point.rsplit_once(':').unwrap_or_default();
            let trace = text("JOB_MARKET_FAILPOINT_TRACE");
            let trace = OpenOptions::new().create(true).append(true).open(trace).ok();
            Self { name: name.to_owned(), left: nth.parse().unwrap_or(0).into(), trace }
        }

        fn reach(&self, name: &str) {
            if let Some(mut trace) = self.trace.as_ref() {
                // One write per line, because threads share the file.
                let _ = trace.write_all(format!("{name}\n").as_bytes());
            }
            let is_due = self.name == name && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
            assert!(!is_due, "fail point {name}");
        }
    }

    static PLAN: OnceLock<Plan> = OnceLock::new();

    /// Marks the point `name` as reached.
    ///
    /// # Panics
    /// If the environment requests it.
    pub fn reach(name: &str) {
        PLAN.get_or_init(Plan::from_environment).reach(name);
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_panics_exactly_at_the_requested_time() {
            let plan = Plan { name: "scan".into(), left: 2.into(), trace: None };
            plan.reach("write");
            plan.reach("scan");
            let second = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| plan.reach("scan")));
            assert!(second.is_err());
            plan.reach("scan");
            Plan::default().reach("scan");
        }
    }
}
