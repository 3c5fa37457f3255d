//! Tests of `build-vector-index` and `similar-jobs`: an index is complete or absent, and published only with
//! sufficient recall; the service responds whatever happens to the store, the files and the process.

mod bigquery;
mod builds;
mod conformance;
mod damage;
mod ends;
mod interruption;
mod many;
mod same;
mod stores;
mod warehouse;
mod worlds;

use crate::faults::assert_refused;
