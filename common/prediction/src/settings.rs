//! Where models are on this machine.

use std::path::PathBuf;

use common_core::settings;
use common_core::settings::Whole;

settings! {
    /// How and where ads are predicted.
    pub struct PredictionSettings, "How" {
        /// CPU threads that predict
        pub threads: Whole<1, 1024> = "{cores}", flag "threads N";
        /// Folder of the copies of published models that predict
        pub champions_dir: PathBuf = "{cache}/champions", given_by Setup;
    }
}
