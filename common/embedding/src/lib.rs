//! Embeds texts of ads as unit vectors.
//!
//! - [`model`]: the model package made by `scripts/setup`: metadata and checksums
//! - [`tokenize`]: converts text to token ids
//! - [`mod@reader`]: detects texts of which the model knows no token
//! - [`batch`]: groups texts into batches
//! - [`session`]: the ONNX Runtime library and sessions on a device
//! - [`mod@settings`]: which model, and what it runs on
//! - `vertex` (feature `gcp`): models of Vertex AI
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
