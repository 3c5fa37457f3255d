//! The vector index: which ads are like this one, with filters, and why.
//!
//! An index is a folder of files that are written once and memory-mapped. Ads with the same text share one *text*, the unit
//! of search: a repost is no neighbour, but another ad of the same text.
//!
//! - [`build`], `order`: from ads with vectors to the folder, from scratch or from the last one
//! - [`reader`]: the folder opened, [`JobIndex`]; [`search`]: which way a query takes; [`filter`], `postings`: which ads it may find
//! - [`codes`], [`kernels`]: vectors in one byte an element, and the products that searching consists of
//! - [`graph`], [`grow`]: the graph that finds neighbours among many texts, and how it is made
//! - [`ads`]: what answers show of an ad; [`lexicon`], [`words`], [`reasons`]: words, and why two ads are alike
//! - [`manifest`], [`files`]: what the folder says of itself, and its files mapped into memory
//! - [`measure`]: recall against exact search; [`projection`]: the map of the market
//! - [`mod@settings`]: where indexes are on this machine
//!
//! It knows neither warehouse nor store.

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
pub mod measure;
mod order;
mod postings;
pub mod projection;
pub mod reader;
pub mod reasons;
pub mod search;
pub mod settings;
pub mod words;

pub use ads::Ad;
pub use build::{BuildOptions, Builder};
pub use common_core::job::JobFilter as Filter;
pub use manifest::Manifest;
pub use reader::JobIndex;
pub use reasons::Reason;
pub use search::{Hit, Query};

/// An ad's place in an index.
pub type Row = u32;
/// A text's place in an index.
pub type TextId = u32;
