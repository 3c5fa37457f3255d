//! Which model embeds, and what it runs on.

use std::fmt;
use std::path::PathBuf;

use common_core::settings::{Value, Whole};
use common_core::{rooms, settings, words};

/// The ONNX Runtime that `scripts/setup` installs and the binaries look for.
pub const ONNXRUNTIME_VERSION: &str = "1.31.1";

words! {
    /// Number format of the model's arithmetic.
    #[derive(serde::Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Precision {
        /// 32-bit floats.
        "fp32" => Fp32,
        /// 8-bit integers, with the accuracy that BENCHMARKS.md names.
        "int8" => Int8,
        /// 16-bit floats, for a GPU.
        "fp16" => Fp16,
    }
}

words! {
    /// What the model runs on.
    pub enum Device {
        /// A GPU where there is one, else the CPU.
        "auto" => Auto,
        /// The CPU.
        "cpu" => Cpu,
        /// A GPU; without one it is an error.
        "cuda" => Cuda,
    }
}

settings! {
    /// Which model embeds: enough to know its vectors without loading it.
    pub struct ModelSettings, "Model" {
        /// Embedding model, such as all-MiniLM-L6-v2, or vertex:NAME for one that Vertex AI runs
        pub embedding_model: ModelName = "all-MiniLM-L6-v2", flag "model NAME";
        /// Precision of the model: fp32, int8, fp16
        pub embedding_precision: Precision = "fp32", flag "precision PRECISION";
        /// Folder that holds one folder a model
        pub model_dir: PathBuf = "{cache}/models", given_by Setup;
    }
}

settings! {
    /// What the model runs on.
    pub struct InferenceSettings, "Model" {
        /// Device: auto, cpu, cuda
        pub device: Device = "auto", flag "device DEVICE";
        /// CPU threads for inference
        pub threads: Whole<1, 1024> = "{cores}", flag "threads N";
        /// ONNX Runtime library
        pub ort_dylib_path: PathBuf = "{cache}/onnxruntime-1.31.1/libonnxruntime.so", given_by Setup;
        /// Project that completes trace names in the log, and pays for Vertex AI
        pub google_cloud_project: Option<String>;
        /// Region in which Vertex AI embeds
        pub vertex_location: String = "us-central1";
        /// Server to call instead of Vertex AI, without credentials
        pub vertex_emulator_host: Option<String>;
        /// The longest that nothing may move within one try of a request to Google, in seconds
        pub request_timeout_s: Whole<1, 3600> = "60";
    }
}

rooms! {
    /// What a program reads that embeds text.
    pub struct EmbeddingSettings {
        /// Which model.
        pub model: ModelSettings,
        /// What it runs on.
        pub inference: InferenceSettings,
    }
}

impl EmbeddingSettings {
    /// The same, with `project` paying for Vertex AI where `GOOGLE_CLOUD_PROJECT` names none.
    #[must_use]
    pub fn or_project(mut self, project: Option<&str>) -> Self {
        let named = &mut self.inference.google_cloud_project;
        *named = named.take().or_else(|| project.map(str::to_owned));
        self
    }
}

/// A model's name: it becomes part of a path and of a table's name, so only letters, digits, `.`, `_`, `-` and `:` are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

impl ModelName {
    /// Its text.
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
            Err("a model's name, such as all-MiniLM-L6-v2".to_owned())
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
