//! Where indexes are on this machine.

use std::path::PathBuf;

use common_core::settings;

settings! {
    /// Where indexes are on this machine.
    pub struct IndexSettings, "Where" {
        /// Folder in which indexes are built, and kept once fetched
        pub index_dir: PathBuf = "{cache}/indexes", given_by Setup;
    }
}
