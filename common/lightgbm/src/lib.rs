//! A safe interface to LightGBM: datasets, training with validation sets, prediction and contributions.
