//! Settings of the embedding model and of inference.

use std::fmt;
use std::path::PathBuf;

use common_core::settings::{Value, Whole};
use common_core::{compose_settings, settings, string_enum};

/// The version of ONNX Runtime that `scripts/setup` installs and the binaries load.
pub const ONNXRUNTIME_VERSION: &str = "1.31.1";

string_enum! {
    /// The precision of the model.
    #[derive(serde::Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Precision {
        /// 32-bit floats.
        "fp32" => Fp32,
        /// 8-bit integers; see BENCHMARKS.md for the accuracy.
        "int8" => Int8,
        /// 16-bit floats, for GPUs.
        "fp16" => Fp16,
    }
}

string_enum! {
    /// The device that the model runs on.
    pub enum Device {
        /// A GPU if there is one, otherwise the CPU.
        "auto" => Auto,
        /// The CPU.
        "cpu" => Cpu,
        /// A GPU; an error if there is none.
        "cuda" => Cuda,
    }
}

settings! {
    /// The embedding model. These settings identify its vectors without loading the model.
    pub struct ModelSettings, "Model" {
        /// Embedding model, such as all-MiniLM-L6-v2, or vertex:NAME for a model of Vertex AI
        pub embedding_model: ModelName = "all-MiniLM-L6-v2", flag "model NAME";
        /// Precision of the model: fp32, int8, fp16
        pub embedding_precision: Precision = "fp32", flag "precision PRECISION";
        /// Directory with one subdirectory per model
        pub model_dir: PathBuf = "{cache}/models", given_by Setup;
    }
}

settings! {
    /// The device and the services that inference uses.
    pub struct InferenceSettings, "Model" {
        /// Device: auto, cpu, cuda
        pub device: Device = "auto", flag "device DEVICE";
        /// CPU threads for inference
        pub threads: Whole<1, 1024> = "{cores}", flag "threads N";
        /// Path of the ONNX Runtime library
        pub ort_dylib_path: PathBuf = "{cache}/onnxruntime-1.31.1/libonnxruntime.so", given_by Setup;
        /// Google Cloud project of traces in the log, also billed for Vertex AI
        pub google_cloud_project: Option<String>;
        /// Region of Vertex AI
        pub vertex_location: String = "us-central1";
        /// Host of a Vertex AI emulator to call instead of Google, without credentials
        pub vertex_emulator_host: Option<String>;
        /// Idle timeout of one attempt of a request to Google, in seconds
        pub request_timeout_s: Whole<1, 3600> = "60";
    }
}

compose_settings! {
    /// The settings of a program that embeds text.
    pub struct EmbeddingSettings {
        /// The model.
        pub model: ModelSettings,
        /// The device and the services.
        pub inference: InferenceSettings,
    }
}

impl EmbeddingSettings {
    /// Sets the project billed for Vertex AI to `project` if `GOOGLE_CLOUD_PROJECT` is not set.
    #[must_use]
    pub fn or_project(mut self, project: Option<&str>) -> Self {
        let named = &mut self.inference.google_cloud_project;
        *named = named.take().or_else(|| project.map(str::to_owned));
        self
    }
}

/// The name of a model. It is part of a path and of a table name, so only letters, digits, `.`, `_`, `-` and `:` are
/// valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

impl ModelName {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for ModelName {
    fn read(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
        if text.chars().all(is_plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("the name of a model, such as all-MiniLM-L6-v2".to_owned())
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
