//! The vector index: finds the ads most similar to an ad or a text, with filters, and the reasons of a match.
//!
//! An index is a folder of files that are written once and memory-mapped. Ads with the same content hash share one
//! *text* with one vector. Search runs over texts; each text then yields its ads. *Reposts* are rows of the same ad.
//!
//! - [`build`], `order`: builds the folder from ads with vectors, from scratch or from the previous index
//! - [`reader`]: opens the folder as [`JobIndex`]; [`search`]: top-k search; [`filter`], `postings`: the rows that pass
//!   a filter
//! - [`codes`], [`kernels`]: vectors quantized to 8 bits, and dot products
//! - [`graph`], [`grow`]: the graph for approximate search, and its construction
//! - [`ads`]: the columns of ads; `texts`: those of texts
//! - [`lexicon`], [`words`], [`reasons`]: the inverted index of words, and the reasons of a match
//! - [`manifest`], [`files`]: the index's part of the manifest, and its files mapped into memory
//! - [`measure`]: recall against exact search; [`projection`]: the two-dimensional map of texts; [`market`]: clusters of
//!   texts, and what places texts on the map and in clusters
//! - [`mod@settings`]: where indexes are on this machine
//!
//! The crate depends neither on the warehouse nor on the artifact store.

pub mod ads;
pub mod build;
pub mod codes;
pub mod files;
pub mod filter;
pub mod graph;
pub mod grow;
pub mod kernels;
pub mod lexicon;
pub mod manifest;
pub mod market;
pub mod measure;
mod order;
mod postings;
pub mod projection;
pub mod reader;
pub mod reasons;
pub mod search;
pub mod settings;
mod texts;
pub mod words;

pub use ads::Ad;
pub use build::{BuildOptions, Builder};
pub use common_core::job::JobFilter as Filter;
pub use manifest::Manifest;
pub use market::{Cluster, Clusters, Placed, Placement};
pub use reader::JobIndex;
pub use reasons::Reason;
pub use search::{Hit, Query};

/// Index of an ad, a row of [`ads::Ads`].
pub type Row = u32;
/// Index of a text.
pub type TextId = u32;
