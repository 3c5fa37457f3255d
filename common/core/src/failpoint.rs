//! Points at which a test can let a thread or task of a program die.
//!
//! A build with debug assertions reads two variables when the first point is reached:
//!
//! - `JOB_MARKET_FAILPOINT=NAME:N`: the program panics when the point `NAME` is reached for the `N`-th time
//! - `JOB_MARKET_FAILPOINT_TRACE=FILE`: the name of every point that is reached is appended to `FILE`, one a line
//!
//! A release build has neither points nor variables: [`reach`] is an empty function there. Points stand where a page, a chunk or a statement
//! is done, never in an inner loop.

/// Says that the point `name` is reached.
///
/// # Panics
/// Where a test asks for it.
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
        /// How often the point may still be reached before the program panics there.
        left: AtomicU64,
        trace: Option<File>,
    }

    impl Plan {
        fn of_environment() -> Self {
            let text = |name: &str| std::env::var(name).unwrap_or_default();
            let asked = text("JOB_MARKET_FAILPOINT");
            let (name, nth) = asked.rsplit_once(':').unwrap_or_default();
            let trace = text("JOB_MARKET_FAILPOINT_TRACE");
            let trace = OpenOptions::new().create(true).append(true).open(trace).ok();
            Self { name: name.to_owned(), left: nth.parse().unwrap_or(0).into(), trace }
        }

        fn reach(&self, name: &str) {
            if let Some(mut trace) = self.trace.as_ref() {
                // One write a line: threads share the file.
                let _ = trace.write_all(format!("{name}\n").as_bytes());
            }
            let is_asked_for = self.name == name && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
            assert!(!is_asked_for, "the test lets {name} fail");
        }
    }

    static PLAN: OnceLock<Plan> = OnceLock::new();

    /// Says that the point `name` is reached.
    ///
    /// # Panics
    /// Where a test asks for it.
    pub fn reach(name: &str) {
        PLAN.get_or_init(Plan::of_environment).reach(name);
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_fails_the_time_that_is_asked_for_and_no_other() {
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
