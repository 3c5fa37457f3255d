//! The progress of a run: a progress bar on a terminal, otherwise a log line every few seconds.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::Span;

/// How often a run without a progress bar logs its progress.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The progress bars of the process, so that log lines can be written above them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Runs `write` while the progress bars are hidden.
pub(crate) fn without_bars<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// Reports the progress of a run. Clones report on the same work, from any thread.
///
/// The default writes log lines; in local mode on a terminal the runtime shows a progress bar instead.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Whether a progress bar is shown instead of log lines.
    is_bar: bool,
    /// The span of the run, entered for each log line because any thread may log.
    span: Span,
    work: Arc<Mutex<Option<Work>>>,
}

#[derive(Debug)]
struct Work {
    what: String,
    total: u64,
    done: u64,
    started: Instant,
    logged: Instant,
    /// The count of the last log line.
    logged_done: Option<u64>,
    bar: Option<ProgressBar>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Progress {
    pub(super) fn new(is_bar: bool) -> Self {
        Self { is_bar, span: Span::current(), work: Arc::default() }
    }

    /// Starts `total` units of `what` (for example `ads`), after finishing the previous work.
    pub fn start(&self, total: u64, what: &str) {
        self.finish();
        let now = Instant::now();
        let bar = self.is_bar.then(|| BARS.add(bar(total, what)));
        *self.lock() = Some(Work {
            what: what.into(),
            total,
            done: 0,
            started: now,
            logged: now,
            logged_done: None,
            bar,
        });
    }

    /// Counts `n` more units as completed.
    pub fn advance(&self, n: u64) {
        let mut work = self.lock();
        let Some(work) = work.as_mut() else { return };
        work.done += n;
        if let Some(bar) = &work.bar {
            bar.inc(n);
        } else if work.logged.elapsed() >= LOG_EVERY {
            (work.logged, work.logged_done) = (Instant::now(), Some(work.done));
            self.span.in_scope(|| tracing::info!("{}", work.line()));
        }
    }

    /// Finishes the work: removes the progress bar, or logs a last line unless the last one has the same count.
    pub fn finish(&self) {
        let Some(work) = self.lock().take() else { return };
        match &work.bar {
            Some(bar) => bar.finish_and_clear(),
            None if work.logged_done == Some(work.done) => {}
            None => self.span.in_scope(|| tracing::info!("{}", work.line())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn line(&self) -> String {
        let Self { what, total, done, .. } = self;
        let per_second = *done as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let percent = if *total > 0 { format!(" ({} %)", done * 100 / total) } else { String::new() };
        format!("{done} of {total} {what}{percent}, {per_second:.1} a second")
    }
}

fn bar(total: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}, {per_sec}, {eta} left");
    ProgressBar::new(total)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_and_threads_share_a_count_and_finish_is_idempotent() {
        let progress = Progress::default();
        progress.advance(1);
        progress.start(200, "ads");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let clone = progress.clone();
                scope.spawn(move || (0..25).for_each(|_| clone.advance(1)));
            }
        });
        let line = progress.lock().as_ref().map(Work::line).unwrap();
        assert!(line.starts_with("100 of 200 ads (50 %), "), "{line}");
        progress.finish();
        progress.finish();
        assert!(progress.lock().is_none());
    }

    #[test]
    fn work_of_unknown_size_has_no_percentage() {
        let progress = Progress::new(true);
        progress.start(0, "ads");
        progress.advance(3);
        let line = progress.lock().as_ref().map(Work::line).unwrap();
        assert!(line.starts_with("3 of 0 ads, "), "{line}");
        progress.finish();
    }
}
