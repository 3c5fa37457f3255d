//! The champions that predict, and their predictions of ads.
//!
//! - [`champions`]: the champions, read as one set of one embedding space
//! - [`models`]: the models of a set, verified, copied to this machine and opened
//! - [`predict`]: predictions of ads by the open models
//! - [`settings`]: where copies of models are kept

pub mod champions;
pub mod models;
pub mod predict;
pub mod settings;

pub use champions::ChampionVersions;
pub use models::PredictionModels;
pub use predict::Predicted;
