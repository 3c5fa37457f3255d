//! Whether a scan returned everything.

use common_core::{Error, Result};

/// Fails where a scan returned `seen` ads, fewer than the `counted` ones of before it. A warehouse that others write to at the same
/// time may have lost some between the count and the scan, to a takedown: `recount` tells whether there are fewer now.
///
/// # Errors
/// `Internal` where ads are missing; those of `recount`.
pub async fn refuse_fewer(seen: u64, counted: u64, recount: impl Future<Output = Result<u64>>) -> Result<()> {
    if seen >= counted || seen >= recount.await? {
        return Ok(());
    }
    Err(Error::internal(format!("{counted} ads were counted, and the scan ended after {seen}")))
}
