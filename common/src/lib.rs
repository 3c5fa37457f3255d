//! The crate that functions depend on. Its features select which of our other crates a function may use.
//!
//! - [`artifact`], [`error`], [`failpoint`], [`feed`], [`fold`], [`job`], [`mask`], [`pay`], [`mod@settings`]: always here (crate `common-core`)
//! - [`runtime`]: what makes a program of a function: command line, triggers, HTTP server, leases, logs, shutdown
//! - [`storage`]: warehouse and artifact store; backends by feature (`duckdb`, `gcp`)
//! - `index` (feature `index`): the vector index
//! - `learning` (feature `learning`): features, models, evaluation and reports
//! - `prediction` (feature `prediction`): the champions that predict, and their predictions
//! - `embedding` (feature `embedding`): from text to unit vector

pub use common_core::{
    Error, ErrorKind, Result, artifact, compose_settings, error, failpoint, feed, fold, job, mask, pay,
    settings, string_enum,
};
#[cfg(feature = "embedding")]
pub use common_embedding as embedding;
#[cfg(feature = "index")]
pub use common_index as index;
#[cfg(feature = "learning")]
pub use common_learning as learning;
#[cfg(feature = "prediction")]
pub use common_prediction as prediction;
pub use common_runtime as runtime;
pub use common_storage as storage;
