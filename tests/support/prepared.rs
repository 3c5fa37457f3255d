//! Embedded markets that are prepared once per build and copied by tests.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Market, binary, profile_dir};

/// The arguments of a quick training of every kind.
const QUICK: [&str; 4] = ["--once", "--currency", "SGD", "--quick"];

impl Market {
    /// A market with `jobs` generated titles and their vectors, a copy of the prepared one.
    pub(crate) fn with_vectors(jobs: u32) -> Self {
        let market = Self::empty();
        std::fs::copy(prepared(jobs), market.file()).expect("a copy of the prepared warehouse");
        market
    }

    /// The same market with champions of every kind, trained on it: a copy of the prepared models.
    pub(crate) fn with_models(jobs: u32) -> Self {
        let market = Self::with_vectors(jobs);
        copy_folder(&prepared_models(jobs), &market.artifact_dir());
        market
    }
}

/// The prepared artifact store with the models of `jobs` embedded titles. The first caller of a build trains them.
fn prepared_models(jobs: u32) -> PathBuf {
    let folder = profile_dir().join("prepared");
    std::fs::create_dir_all(&folder).expect("a folder for what tests prepare");
    let prefix = format!("models-{jobs}-");
    let models = folder.join(format!("{prefix}{}", build_id(&["jobctl", "embed-new-jobs", "train-models"])));
    let lock = File::create(folder.join(format!("models-{jobs}.lock"))).expect("a lock");
    lock.lock().expect("the lock");
    if !models.exists() {
        remove_others(&folder, &prefix);
        let market = Market::with_vectors(jobs);
        let trained = market.run("train-models", &QUICK);
        assert_eq!(trained.code, Some(0), "{trained:?}");
        let staging = folder.join(format!(".models-{jobs}"));
        let _ = std::fs::remove_dir_all(&staging);
        copy_folder(&market.artifact_dir(), &staging);
        std::fs::rename(&staging, &models).expect("a name");
    }
    models
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("a copy");
        }
    }
}

/// The prepared warehouse of `jobs` embedded titles. The first caller of a build creates it.
fn prepared(jobs: u32) -> PathBuf {
    let folder = profile_dir().join("prepared");
    std::fs::create_dir_all(&folder).expect("a folder for what tests prepare");
    let file = folder.join(format!("titles-{jobs}-{}.duckdb", build_id(&["jobctl", "embed-new-jobs"])));
    // Tests can be separate processes: one prepares, the others wait for the lock.
    let lock = File::create(folder.join(format!("titles-{jobs}.lock"))).expect("a lock");
    lock.lock().expect("the lock");
    if !file.exists() {
        remove_others(&folder, &format!("titles-{jobs}-"));
        let market = Market::titles(jobs);
        let report = market.embedded(&[]);
        assert_eq!(report["failed"], 0, "{report}");
        // Moves the contents of the write-ahead log into the file.
        market.execute("CHECKPOINT");
        let staging = file.with_extension("draft");
        std::fs::copy(market.file(), &staging).expect("a copy");
        std::fs::rename(staging, &file).expect("a name");
    }
    file
}

/// Identifies the build of the programs that prepare, by their modification times.
fn build_id(programs: &[&str]) -> String {
    let changed = |program: &str| {
        let modified = std::fs::metadata(binary(program)).and_then(|facts| facts.modified());
        let since = modified.expect("a time of change").duration_since(SystemTime::UNIX_EPOCH);
        since.expect("a time after 1970").as_nanos()
    };
    programs.iter().map(|program| format!("{:x}", changed(program))).collect::<Vec<_>>().join("-")
}

/// Removes the prepared files of earlier builds.
fn remove_others(folder: &Path, prefix: &str) {
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = std::fs::remove_file(entry.path());
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
