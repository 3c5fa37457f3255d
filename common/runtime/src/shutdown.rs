//! SIGTERM and SIGINT: one token that everything listens to, what each part of the end may take, and a hard end for what does
//! not keep to it.
//!
//! Cloud Run kills a process ten seconds after SIGTERM. The parts below come one after the other and fit into that:
//!
//! | a run | a service |
//! |---|---|
//! | `WORK`: keep what was done | `DRAIN`: callers are answered and told to leave |
//! | `RECORD`: the run's row | `LAST`: what the system had let in already |
//! | `REMEMBER`: the trigger | `DELIVERY`: answers under way |
//! | `RELEASE`: the lease | `CLOSE`: its own threads |
//! | `DELIVERY`: the HTTP answer | `THREADS` |
//! | `THREADS` | |

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use common_core::{Error, Result};

/// What Cloud Run gives a process after SIGTERM.
const CLOUD_RUN: Duration = Duration::from_secs(10);

/// After this the process ends, whatever still runs; the rest of [`CLOUD_RUN`] is for the log line that says so. What the
/// parts leave of it is for closing the warehouse's file.
const GRACE: Duration = Duration::from_millis(9_500);

const _: () =
    assert!(GRACE.as_millis() < CLOUD_RUN.as_millis(), "the hard end comes after the process is killed");

/// How long a run has to keep what it did and to return, once it is asked to stop.
pub const WORK: Duration = Duration::from_millis(5_500);

/// How long the row of a run that was asked to stop may take.
pub const RECORD: Duration = Duration::from_millis(1_500);

/// How long a run that succeeded although it was asked to stop may take to remember its trigger.
pub(super) const REMEMBER: Duration = Duration::from_millis(250);

/// How long the lease of a run that was asked to stop may take to be released.
pub(super) const RELEASE: Duration = Duration::from_millis(750);

/// How long a service goes on for callers who do not know yet that it is to end.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// How long the last connections have to ask, once nobody listens any more.
pub(super) const LAST: Duration = Duration::from_millis(750);

/// How long a finished answer may take to reach its client.
pub(super) const DELIVERY: Duration = Duration::from_secs(1);

/// How long a service's own threads may take.
pub(super) const CLOSE: Duration = Duration::from_secs(2);

/// How long the runtime waits for blocking calls that were left behind.
pub(super) const THREADS: Duration = Duration::from_millis(100);

/// What `work` comes to, or `None` where `stop` is cancelled and `work` then takes longer than `limit`.
pub async fn within<T>(
    stop: &CancellationToken,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = over => None,
    }
}

/// A token that the first SIGTERM or SIGINT cancels. [`GRACE`] later the process ends with 1, whatever still runs.
///
/// # Errors
/// `Internal` where the signals cannot be listened to.
pub(super) fn on_signal() -> Result<CancellationToken> {
    let listen =
        |kind| signal(kind).map_err(|error| Error::internal("cannot listen to signals").caused_by(error));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: no new work; {GRACE:?} to finish what runs");
        cancelled.cancel();
        // A thread, because a run that blocks the runtime must not block its own end.
        std::thread::spawn(|| {
            std::thread::sleep(GRACE);
            tracing::error!("what ran did not end within {GRACE:?} of the signal; it is cut off");
            std::process::exit(1);
        });
        interrupt.recv().await;
        tracing::warn!("second SIGINT: what runs is cut off");
        std::process::exit(1);
    });
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_end_fit_into_what_cloud_run_gives() {
        let run = WORK + RECORD + REMEMBER + RELEASE + DELIVERY + THREADS;
        let service = DRAIN + LAST + DELIVERY + CLOSE + THREADS;
        for (what, sum) in [("a run", run), ("a service", service)] {
            assert!(sum < GRACE, "{what}: {sum:?}");
        }
    }

    #[tokio::test]
    async fn a_limit_counts_from_the_stop_alone() {
        let (stop, limit) = (CancellationToken::new(), Duration::from_millis(10));
        let longer = tokio::time::sleep(limit * 5);
        assert_eq!(within(&stop, limit, longer).await, Some(()), "nobody asked it to stop");
        stop.cancel();
        assert_eq!(within(&stop, limit, std::future::pending::<()>()).await, None);
        assert_eq!(within(&stop, limit, async {}).await, Some(()));
    }
}
