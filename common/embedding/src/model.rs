//! A model package: one folder with graph, tokenizer and the facts about them, made by `scripts/setup`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common_core::artifact::FileFacts;
use common_core::job::PREPROCESSING_VERSION;
use common_core::{Error, Result};
use serde::Deserialize;

use crate::settings::Precision;

/// The models that `scripts/setup` makes.
const OF_SETUP: [&str; 2] = ["all-MiniLM-L6-v2", "all-mpnet-base-v2"];

/// The facts of `model.json`, and where the package lies.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelPackage {
    /// The model's published name.
    pub name: String,
    /// Length of its vectors.
    pub dimension: usize,
    /// Tokens of a text that it reads; the rest is cut.
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
    /// `Configuration` where no such model is known, `NotFound` where setup has not made it, `Corrupt` where its description cannot be read.
    pub fn open(model_dir: &Path, name: &str) -> Result<Self> {
        let folder = model_dir.join(name);
        let path = folder.join("model.json");
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if !OF_SETUP.contains(&name) => Error::configuration(format!(
                "EMBEDDING_MODEL is {name:?}, which is not in {}; setup makes {}",
                model_dir.display(),
                OF_SETUP.join(" and ")
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

    /// The space of its vectors: model, weights, and how text is prepared. Vectors of one space may be compared.
    pub fn embedding_space(&self) -> String {
        let weights = &self.weights_sha256[..self.weights_sha256.len().min(12)];
        format!("{}/{weights}/{PREPROCESSING_VERSION}-{}", self.name, self.max_tokens)
    }

    /// The space, and what else a bit of a vector depends on: precision, device, and the graph's version.
    pub fn model_version(&self, precision: Precision, device: &str) -> String {
        format!("{}/{precision}-{device}-g{}", self.embedding_space(), self.exporter)
    }

    /// Path of the graph in `precision`, after its checksum.
    ///
    /// # Errors
    /// Those of [`ModelPackage::verified`]; `Configuration` where the package has no such graph.
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

    /// Path of the tokenizer, after its checksum.
    ///
    /// # Errors
    /// Those of [`ModelPackage::verified`].
    pub fn tokenizer(&self) -> Result<PathBuf> {
        self.verified("tokenizer.json")
    }

    /// Path of one of the package's files, after comparing size and checksum.
    ///
    /// # Errors
    /// `NotFound` where the file is missing, `Corrupt` where it is not the one that setup made.
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
    fn a_file_is_handed_out_only_as_setup_made_it() {
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
    fn a_missing_model_names_the_command_that_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = ModelPackage::open(folder.path(), "all-mpnet-base-v2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("scripts/setup --model all-mpnet-base-v2"), "{error}");
        let error = ModelPackage::open(folder.path(), "no-such-model").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("setup makes all-MiniLM-L6-v2 and all-mpnet-base-v2"), "{error}");
    }

    #[test]
    fn space_and_version_name_what_they_depend_on() {
        let folder = tempfile::tempdir().unwrap();
        let package = package(folder.path(), ABC);
        assert_eq!(package.embedding_space(), "m/0123456789ab/t1-9");
        assert_eq!(package.model_version(Precision::Int8, "cpu"), "m/0123456789ab/t1-9/int8-cpu-g1");
        let error = package.graph(Precision::Fp16).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
