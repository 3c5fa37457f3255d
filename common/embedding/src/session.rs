//! The ONNX Runtime library, loaded once per process, and sessions of a graph on a device.

use std::path::Path;
use std::sync::OnceLock;

use common_core::{Error, Result};
use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use crate::settings::{Device, InferenceSettings, ONNXRUNTIME_VERSION};

static RUNTIME: OnceLock<std::result::Result<Environment, String>> = OnceLock::new();

/// Loads the library at `library`. Only the first call of a process loads; later calls return the same library.
fn runtime(library: &Path) -> Result<&'static Environment> {
    let load = || {
        if !library.is_file() {
            return Err("there is no such file".to_owned());
        }
        let builder = ort::init_from(library).map_err(|error| error.to_string())?;
        builder.with_name("job-market").with_telemetry(false).build().map_err(|error| error.to_string())
    };
    RUNTIME.get_or_init(load).as_ref().map_err(|reason| {
        Error::configuration(format!(
            "the ONNX Runtime library {} cannot be used ({}): run `scripts/setup --verify`, or set ORT_DYLIB_PATH to version {} \
             or later",
            library.display(),
            reason.lines().next().unwrap_or_default(),
            ONNXRUNTIME_VERSION,
        ))
    })
}

/// A loaded graph and its device.
pub struct ModelSession {
    session: Session,
    /// `cpu` or `cuda`.
    pub device: &'static str,
}

impl ModelSession {
    /// Loads the graph at `path` on `settings.device`. On a CPU, `threads` threads share the work of a call.
    ///
    /// # Errors
    /// `Configuration` if the library or an explicitly configured device cannot be used, `Corrupt` if the graph cannot
    /// be loaded.
    pub fn open(path: &Path, settings: &InferenceSettings, threads: usize) -> Result<Self> {
        let environment = runtime(&settings.ort_dylib_path)?;
        let device = choose_device(settings)?;
        let unusable = |error: ort::Error| {
            Error::corrupt(format!("the model {} cannot be loaded", path.display())).caused_by(error)
        };
        let (mut builder, device) = match options(environment, device, threads) {
            Ok(builder) => (builder, device),
            Err(error) if device == "cuda" && settings.device == Device::Auto => {
                tracing::warn!(error = error.to_string(), "the GPU cannot be used: running on the CPU");
                (options(environment, "cpu", threads).map_err(unusable)?, "cpu")
            }
            Err(error) if device == "cuda" => return Err(no_cuda(&error.to_string())),
            Err(error) => return Err(unusable(error)),
        };
        let session = builder.commit_from_file(path).map_err(unusable)?;
        Ok(Self { session, device })
    }

    /// Runs a batch: `ids` and `mask` are `[texts, width]`; the result is `[texts, dimension] f32`.
    ///
    /// # Errors
    /// `Internal` if the runtime fails.
    pub fn run(&mut self, ids: &[i64], mask: &[i64], width: usize) -> Result<Vec<f32>> {
        let shape = [ids.len() / width, width];
        let mut infer = || -> ort::Result<Vec<f32>> {
            let ids = TensorRef::from_array_view((shape, ids))?;
            let mask = TensorRef::from_array_view((shape, mask))?;
            let outputs = self.session.run(ort::inputs!["input_ids" => ids, "attention_mask" => mask])?;
            let (_, vectors) = outputs[0].try_extract_tensor::<f32>()?;
            Ok(vectors.to_vec())
        };
        infer().map_err(|error| Error::internal("the model failed").caused_by(error))
    }
}

fn options(environment: &Environment, device: &'static str, threads: usize) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Waiting threads must not spin, because that takes CPU time from other texts.
        .with_intra_op_spinning(false)?
        .with_memory_pattern(device == "cuda")?;
    if device == "cuda" {
        return Ok(builder.with_execution_providers([CUDA::default().build().error_on_failure()])?);
    }
    Ok(builder)
}

fn choose_device(settings: &InferenceSettings) -> Result<&'static str> {
    let has_provider = || CUDA::is_available().unwrap_or(false);
    // The device file of the driver: `is_available` only reports how the library was built.
    let has_gpu = || Path::new("/dev/nvidiactl").exists();
    match settings.device {
        Device::Auto if has_gpu() && has_provider() => Ok("cuda"),
        Device::Auto | Device::Cpu => Ok("cpu"),
        Device::Cuda if !has_gpu() => Err(no_cuda("this machine has no NVIDIA GPU")),
        Device::Cuda if !has_provider() => Err(no_cuda(&format!(
            "the ONNX Runtime library {} was built without CUDA",
            settings.ort_dylib_path.display()
        ))),
        Device::Cuda => Ok("cuda"),
    }
}

fn no_cuda(reason: &str) -> Error {
    Error::configuration(format!("DEVICE is cuda, and {reason}; set DEVICE to cpu or auto to run on the CPU"))
}
