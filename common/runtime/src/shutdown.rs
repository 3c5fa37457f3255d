//! Shutdown on SIGTERM and SIGINT: a token that is cancelled, a time limit for each step, and a forced exit after
//! `GRACE`.
//!
//! Cloud Run kills a process ten seconds after SIGTERM. The steps are sequential and fit into this time:
//!
//! | run | service |
//! |---|---|
//! | `WORK`: save the results | `DRAIN`: serve requests and close connections |
//! | `RECORD`: write the row of the run | `LAST`: serve connections of the backlog |
//! | `REMEMBER`: save the trigger | `DELIVERY`: send the responses in progress |
//! | `RELEASE`: release the lease | `CLOSE`: end the threads of the service |
//! | `DELIVERY`: send the HTTP response | `THREADS` |
//! | `THREADS` | |

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use common_core::{Error, Result};

/// The time between SIGTERM and SIGKILL on Cloud Run.
const CLOUD_RUN: Duration = Duration::from_secs(10);

/// The time after which the process exits even if work is still running. The rest of [`CLOUD_RUN`] is for logging that;
/// the time that the steps leave is for closing the file of the warehouse.
const GRACE: Duration = Duration::from_millis(9_500);

const _: () = assert!(
    GRACE.as_millis() < CLOUD_RUN.as_millis(),
    "the forced exit must come before Cloud Run kills the process"
);

/// The time limit for a run to save its results and return after shutdown begins.
pub const WORK: Duration = Duration::from_millis(5_500);

/// The time limit for recording the end of a run after shutdown begins.
pub const RECORD: Duration = Duration::from_millis(1_500);

/// The time limit for saving the trigger of a run that succeeded after shutdown began.
pub(super) const REMEMBER: Duration = Duration::from_millis(250);

/// The time limit for releasing the lease of a run after shutdown begins.
pub(super) const RELEASE: Duration = Duration::from_millis(750);

/// How long a service continues to serve requests after shutdown begins, until clients know that it is not ready.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// The time limit for the last connections to send a request after the listener is closed.
pub(super) const LAST: Duration = Duration::from_millis(750);

/// The time limit for sending a response.
pub(super) const DELIVERY: Duration = Duration::from_secs(1);

/// The time limit for the threads of a service to end.
pub(super) const CLOSE: Duration = Duration::from_secs(2);

/// How long the Tokio runtime waits for blocking calls that are still running.
pub(super) const THREADS: Duration = Duration::from_millis(100);

/// The output of `work`, or `None` if `work` takes longer than `limit` after `stop` is cancelled.
pub async fn within<T>(
    stop: &CancellationToken,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let timeout = async {
        stop.cancelled().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        biased;
        output = work => Some(output),
        () = timeout => None,
    }
}

/// A token that the first SIGTERM or SIGINT cancels. After [`GRACE`] the process exits with 1 if work is still running.
///
/// # Errors
/// `Internal` if the signal handlers cannot be installed.
pub(super) fn on_signal() -> Result<CancellationToken> {
    let listen = |kind| {
        signal(kind).map_err(|error| Error::internal("cannot install signal handlers").caused_by(error))
    };
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: shutting down within {GRACE:?}");
        cancelled.cancel();
        // A thread, because a run that blocks the Tokio runtime must not block the forced exit.
        std::thread::spawn(|| {
            std::thread::sleep(GRACE);
            tracing::error!("work did not end within {GRACE:?} after the signal: exiting");
            std::process::exit(1);
        });
        interrupt.recv().await;
        tracing::warn!("second SIGINT: exiting immediately");
        std::process::exit(1);
    });
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_shutdown_fit_into_the_grace_period() {
        let run = WORK + RECORD + REMEMBER + RELEASE + DELIVERY + THREADS;
        let service = DRAIN + LAST + DELIVERY + CLOSE + THREADS;
        for (what, sum) in [("a run", run), ("a service", service)] {
            assert!(sum < GRACE, "{what}: {sum:?}");
        }
    }

    #[tokio::test]
    async fn the_limit_starts_when_the_token_is_cancelled() {
        let (stop, limit) = (CancellationToken::new(), Duration::from_millis(10));
        let work = tokio::time::sleep(limit * 5);
        assert_eq!(within(&stop, limit, work).await, Some(()), "the token is not cancelled");
        stop.cancel();
        assert_eq!(within(&stop, limit, std::future::pending::<()>()).await, None);
        assert_eq!(within(&stop, limit, async {}).await, Some(()));
    }
}
