//! What embed-new-jobs promises: one current vector an ad, each text computed once, and the same vector always.

mod incremental;
mod interruption;
mod odd_texts;
mod vectors;
mod vertex;
