//! SIGTERM and SIGINT: one token that everything listens to, and a hard end for what does not.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Cloud Run kills 10 s after SIGTERM; half a second is left for the log line that says so.
const GRACE: Duration = Duration::from_millis(9_500);

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
