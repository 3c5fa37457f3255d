//! What tests of this crate share is in `support`; the tests are the one binary `bundle`.
