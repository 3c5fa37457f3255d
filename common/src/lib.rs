//! What functions depend on: the one crate they know. Its features say which rooms they may enter.
//!
//! - [`artifact`], [`config`], [`error`], [`failpoint`], [`feed`], [`fold`], [`job`], [`pay`], [`shim`], [`telemetry`]: always here (crate `common-core`)
//! - [`storage`]: warehouse and artifact store; backends by feature (`duckdb`)
//! - `index` (feature `index`): the vector index
//! - `embedding` (feature `embedding`): from text to unit vector

pub use common_core::{
    Error, ErrorKind, Result, artifact, config, error, failpoint, feed, fold, job, pay, shim, telemetry,
};
#[cfg(feature = "embedding")]
pub use common_embedding as embedding;
#[cfg(feature = "index")]
pub use common_index as index;
pub use common_storage as storage;
