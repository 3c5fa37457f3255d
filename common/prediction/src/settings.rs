//! Where models are on this machine.

use std::path::PathBuf;

use common_core::settings;

settings! {
    /// Where models are on this machine.
    pub struct ChampionSettings, "Where" {
        /// Folder of the copies of published models that predict
        pub champions_dir: PathBuf = "{cache}/champions", given_by Setup;
    }
}
