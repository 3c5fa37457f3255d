//! From an ad's text to its unit vector.
//!
//! - [`model`]: the model package that `scripts/setup` made: facts and checksums
//! - [`tokenize`]: text to token ids
//! - [`mod@reader`]: which texts a model can read at all
//! - [`batch`]: which texts go through the model together
//! - [`session`]: the ONNX Runtime library and a session on one device
//! - [`mod@settings`]: which model, and what it runs on
//! - `vertex` (feature `gcp`): vectors of a model that Google runs
//! - [`embedder`]: the [`Embedder`] trait and its ONNX implementation

pub mod batch;
pub mod embedder;
pub mod model;
pub mod reader;
pub mod session;
pub mod settings;
pub mod tokenize;
#[cfg(feature = "gcp")]
mod vertex;

pub use embedder::{Embedder, Identity, identity, open, open_one};
pub use reader::{Reader, is_unreadable, reader};
pub use settings::{EmbeddingSettings, ModelSettings, Precision};
