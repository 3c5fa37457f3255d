//! Checks that a scan returned all ads.

use common_core::{Error, Result};

/// Fails if a scan returned `seen` ads, fewer than the `counted` ads before the scan. If another process took ads
/// down between the count and the scan, fewer are correct: `recount` returns the present number.
///
/// # Errors
/// `Internal` if ads are missing; errors of `recount`.
pub async fn refuse_fewer(seen: u64, counted: u64, recount: impl Future<Output = Result<u64>>) -> Result<()> {
    if seen >= counted || seen >= recount.await? {
        return Ok(());
    }
    Err(Error::internal(format!("{counted} ads were counted, and the scan ended after {seen}")))
}
