//! Shared code of the tests: the bundle's programs as processes, markets of ads, and HTTP.

mod clusters;
mod disk;
mod emulators;
mod http;
mod index;
mod prepared;
mod process;
pub(crate) mod proxy;
mod warehouse;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::cloud::World;

pub(crate) use disk::SmallDisk;
pub(crate) use emulators::{Emulators, OwnEmulators, emulators, unique};
pub(crate) use http::{Reply, Request};
pub(crate) use index::results;
pub(crate) use process::{Ended, Running, Service};
pub(crate) use warehouse::{Vectors, ad, ads_with_text};

/// Variables that programs inherit from the caller. They contain paths only and do not change behaviour.
const KEPT_VARIABLES: [&str; 7] =
    ["PATH", "HOME", "XDG_CACHE_HOME", "MODEL_DIR", "ORT_DYLIB_PATH", "LD_LIBRARY_PATH", "TMPDIR"];

/// The folder of these tests. It is read at run time, because checkouts share build artifacts and `env!` would name the
/// checkout that compiled them.
pub(crate) fn tests_dir() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo or nextest runs the tests").into()
}

/// The folder of build artifacts: `target/PROFILE`.
pub(crate) fn profile_dir() -> PathBuf {
    let tests = std::env::current_exe().expect("the path of the tests");
    tests.parent().and_then(Path::parent).expect("target/PROFILE/deps/TESTS").to_owned()
}

/// The path of a program of the bundle, built with the same profile as the tests.
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = profile_dir().join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace` first, or scripts/test",
        path.display()
    );
    path
}

/// The program `name` with a minimal environment.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear();
    for variable in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    command
}

/// The folder of downloads and builds of `scripts/setup`.
fn cache_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.expect("HOME or XDG_CACHE_HOME").join("job-market")
}

/// The Python of the virtual environment of the tests, or `None` if `scripts/test` has not created it.
pub(crate) fn python() -> Option<PathBuf> {
    let python = cache_dir().join("test-venv/bin/python");
    python.exists().then_some(python)
}

/// Reports that a test is skipped, even if its output is captured.
pub(crate) fn left_out(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {test}: {why}");
}

/// A temporary folder with a warehouse, artifacts and indexes, and programs that use them.
pub(crate) struct Market {
    folder: TempDir,
    /// Further environment variables of its programs, which override those of the folder.
    variables: Vec<(String, String)>,
}

impl Market {
    /// A market without ads and without a warehouse file.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the market"), variables: Vec::new() }
    }

    /// Sets an environment variable of its programs.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A market with `jobs` generated ads, which depend only on the number.
    pub(crate) fn generated(jobs: u32) -> Self {
        Self::with_generated(jobs, &[])
    }

    /// A market with `jobs` generated ads without descriptions, which are embedded quickly.
    pub(crate) fn titles(jobs: u32) -> Self {
        Self::with_generated(jobs, &["--titles-only"])
    }

    fn with_generated(jobs: u32, arguments: &[&str]) -> Self {
        let market = Self::empty();
        market.generate(jobs, arguments);
        market
    }

    /// A market on BigQuery and Cloud Storage; the folder contains only local indexes.
    pub(crate) fn on(world: &World) -> Self {
        Self { variables: world.variables(), ..Self::empty() }
    }

    /// Loads `jobs` generated ads, which depend only on the number.
    pub(crate) fn generate(&self, jobs: u32, arguments: &[&str]) {
        let jobs = jobs.to_string();
        let mut generate = self.command("jobctl");
        generate.args(["generate", "--jobs", &jobs, "--seed", "7"]).args(arguments);
        let ended = Running::start(&mut generate).end();
        assert_eq!(ended.code, Some(0), "jobctl generate: {}", ended.stderr);
    }

    /// The program `name` with an environment for this market.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = command(name);
        let warehouse = self.folder.path().join("jobs.duckdb");
        let artifacts = self.artifact_dir();
        command
            .current_dir(self.folder.path())
            .env("WAREHOUSE_URL", format!("duckdb:{}", warehouse.display()))
            .env("ARTIFACTS_URL", format!("file:{}", artifacts.display()))
            .env("INDEX_DIR", self.index_dir())
            .env("TRAINING_DIR", self.folder.path().join("training"))
            .env("CHAMPIONS_DIR", self.folder.path().join("champions"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The folder of the artifact store.
    pub(crate) fn artifact_dir(&self) -> PathBuf {
        self.folder.path().join("artifacts")
    }

    /// The folder in which indexes are built and cached.
    pub(crate) fn index_dir(&self) -> PathBuf {
        self.folder.path().join("indexes")
    }
}

/// The folder of real ads, if it exists: `JOB_MARKET_TEST_DATA`, or else `../shared/data` beside the checkout.
pub(crate) fn real_ads() -> Option<PathBuf> {
    let beside = tests_dir().join("../../shared/data");
    let folder = std::env::var_os("JOB_MARKET_TEST_DATA").map_or(beside, PathBuf::from);
    folder.join("sg_jobs_append.parquet").exists().then_some(folder)
}

/// The folder of the model packages.
pub(crate) fn model_dir() -> PathBuf {
    std::env::var_os("MODEL_DIR").map_or_else(|| cache_dir().join("models"), PathBuf::from)
}
