//! A model package: a folder with graphs, tokenizer and metadata, made by `scripts/setup`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common_core::artifact::FileFacts;
use common_core::job::PREPROCESSING_VERSION;
use common_core::{Error, Result};
use serde::Deserialize;

use crate::settings::Precision;

/// The models that `scripts/setup` can make.
const KNOWN_MODELS: [&str; 2] = ["all-MiniLM-L6-v2", "all-mpnet-base-v2"];

/// The metadata of `model.json` and the folder of the package.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelPackage {
    /// The published name of the model.
    pub name: String,
    /// Number of elements of a vector.
    pub dimension: usize,
    /// Maximum number of tokens of a text; longer texts are truncated.
    pub max_tokens: usize,
    weights_sha256: String,
    exporter: String,
    files: BTreeMap<String, FileFacts>,
    #[serde(skip)]
    folder: PathBuf,
}

impl ModelPackage {
    /// Reads the package of model `name` under `model_dir`.
    ///
    /// # Errors
    /// `Configuration` if the model is unknown, `NotFound` if `scripts/setup` has not made it, `Corrupt` if its
    /// metadata is invalid.
    pub fn open(model_dir: &Path, name: &str) -> Result<Self> {
        let folder = model_dir.join(name);
        let path = folder.join("model.json");
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if !KNOWN_MODELS.contains(&name) => Error::configuration(format!(
                "EMBEDDING_MODEL is {name:?}, which is not in {}; setup makes {}",
                model_dir.display(),
                KNOWN_MODELS.join(" and ")
            )),
            std::io::ErrorKind::NotFound => Error::not_found(format!(
                "model {name} is not in {}: run `scripts/setup --model {name}`",
                model_dir.display()
            )),
            _ => Error::from(error).context(path.display()),
        })?;
        let mut package: Self = serde_json::from_slice(&text).map_err(|error| {
            Error::corrupt(format!("{} cannot be read; run `scripts/setup --verify`", path.display()))
                .caused_by(error)
        })?;
        if package.name != name {
            return Err(Error::corrupt(format!("{} describes {}, not {name}", path.display(), package.name)));
        }
        package.folder = folder;
        Ok(package)
    }

    /// The embedding space of its vectors: model, weights and preprocessing of text. Only vectors of the same space are
    /// comparable.
    pub fn embedding_space(&self) -> String {
        let weights = &self.weights_sha256[..self.weights_sha256.len().min(12)];
        format!("{}/{weights}/{PREPROCESSING_VERSION}-{}", self.name, self.max_tokens)
    }

    /// The embedding space with everything else that affects the bits of a vector: precision, device and version of the
    /// graph.
    pub fn model_version(&self, precision: Precision, device: &str) -> String {
        format!("{}/{precision}-{device}-g{}", self.embedding_space(), self.exporter)
    }

    /// Verifies the graph in `precision` and returns its path.
    ///
    /// # Errors
    /// Those of [`ModelPackage::verified`]; `Configuration` if the package has no such graph.
    pub fn graph(&self, precision: Precision) -> Result<PathBuf> {
        let file = format!("model.{precision}.onnx");
        if !self.files.contains_key(&file) {
            return Err(Error::configuration(format!(
                "EMBEDDING_PRECISION is {precision}, and model {} in {} has no such graph; run `scripts/setup`",
                self.name,
                self.folder.display()
            )));
        }
        self.verified(&file)
    }

    /// Verifies the tokenizer and returns its path.
    ///
    /// # Errors
    /// Those of [`ModelPackage::verified`].
    pub fn tokenizer(&self) -> Result<PathBuf> {
        self.verified("tokenizer.json")
    }

    /// Verifies size and checksum of a file of the package and returns its path.
    ///
    /// # Errors
    /// `NotFound` if the file is missing, `Corrupt` if it differs from the one that `scripts/setup` made.
    pub fn verified(&self, file: &str) -> Result<PathBuf> {
        let path = self.folder.join(file);
        let remedy = "run `scripts/setup --verify`";
        let facts = self.files.get(file).ok_or_else(|| {
            Error::corrupt(format!("model.json names no {file} for {}; {remedy}", self.name))
        })?;
        let found = FileFacts::of(&path).map_err(|error| error.remedy(remedy))?;
        let altered = |what: &str, expected: &str, actual: &str| {
            let path = path.display();
            Err(Error::corrupt(format!(
                "model file {path} is altered: {what} {actual}, not {expected}; {remedy}"
            )))
        };
        if found.bytes != facts.bytes {
            return altered("size", &facts.bytes.to_string(), &found.bytes.to_string());
        }
        if found.sha256 != facts.sha256 {
            return altered("sha256", &facts.sha256, &found.sha256);
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use common_core::ErrorKind;

    use super::*;

    fn package(folder: &Path, sha256: &str) -> ModelPackage {
        let folder = folder.join("m");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("tokenizer.json"), "abc").unwrap();
        let facts = format!(
            r#"{{"format":1,"name":"m","dimension":3,"max_tokens":9,"weights_sha256":"0123456789abcdef",
                "exporter":"1","files":{{"tokenizer.json":{{"sha256":"{sha256}","bytes":3}}}}}}"#
        );
        std::fs::write(folder.join("model.json"), facts).unwrap();
        ModelPackage::open(folder.parent().unwrap(), "m").unwrap()
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn files_with_another_checksum_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(package(folder.path(), ABC).tokenizer().is_ok());
        let altered = package(folder.path(), &ABC.replace('b', "c"));
        let error = altered.tokenizer().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("altered") && error.to_string().contains("scripts/setup"),
            "{error}"
        );
        std::fs::remove_file(folder.path().join("m/tokenizer.json")).unwrap();
        assert_eq!(altered.tokenizer().unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn errors_about_missing_models_name_the_setup_command() {
        let folder = tempfile::tempdir().unwrap();
        let error = ModelPackage::open(folder.path(), "all-mpnet-base-v2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("scripts/setup --model all-mpnet-base-v2"), "{error}");
        let error = ModelPackage::open(folder.path(), "no-such-model").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("setup makes all-MiniLM-L6-v2 and all-mpnet-base-v2"), "{error}");
    }

    #[test]
    fn space_and_version_contain_everything_that_affects_vectors() {
        let folder = tempfile::tempdir().unwrap();
        let package = package(folder.path(), ABC);
        assert_eq!(package.embedding_space(), "m/0123456789ab/t1-9");
        assert_eq!(package.model_version(Precision::Int8, "cpu"), "m/0123456789ab/t1-9/int8-cpu-g1");
        let error = package.graph(Precision::Fp16).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
