//! Guarantees of embed-new-jobs: one current vector per ad, one computation per text, and reproducible vectors.

mod incremental;
mod interruption;
mod masked;
mod odd_texts;
mod vectors;
mod vertex;
