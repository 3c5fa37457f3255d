//! What `build-vector-index` and `similar-jobs` promise: an index whole or absent, good enough or unpublished, and answers
//! whatever happens to store, files and process.

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
