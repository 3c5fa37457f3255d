//! A market that is embedded once for all tests of a build: most of them only read it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Market, binary, profile_dir};

impl Market {
    /// With `jobs` generated titles, each embedded: a copy of what was prepared once.
    pub(crate) fn with_vectors(jobs: u32) -> Self {
        let market = Self::empty();
        std::fs::copy(prepared(jobs), market.file()).expect("a copy of the prepared warehouse");
        market
    }
}

/// The warehouse of so many embedded titles, made by whoever comes first with these programs.
fn prepared(jobs: u32) -> PathBuf {
    let folder = profile_dir().join("prepared");
    std::fs::create_dir_all(&folder).expect("a folder for what tests prepare");
    let file = folder.join(format!("titles-{jobs}-{}.duckdb", made_with()));
    // Tests are processes of their own: one prepares, the others wait for it.
    let lock = File::create(folder.join(format!("titles-{jobs}.lock"))).expect("a lock");
    lock.lock().expect("the lock");
    if !file.exists() {
        remove_others(&folder, &format!("titles-{jobs}-"));
        let market = Market::titles(jobs);
        let report = market.embedded(&[]);
        assert_eq!(report["failed"], 0, "{report}");
        // So that the file alone is all of it.
        market.execute("CHECKPOINT");
        let draft = file.with_extension("draft");
        std::fs::copy(market.file(), &draft).expect("a copy");
        std::fs::rename(draft, &file).expect("a name");
    }
    file
}

/// Tells one build of the programs that prepare from another.
fn made_with() -> String {
    let changed = |program: &str| {
        let modified = std::fs::metadata(binary(program)).and_then(|facts| facts.modified());
        let since = modified.expect("a time of change").duration_since(SystemTime::UNIX_EPOCH);
        since.expect("a time after 1970").as_nanos()
    };
    format!("{:x}-{:x}", changed("jobctl"), changed("embed-new-jobs"))
}

/// Removes what earlier builds prepared.
fn remove_others(folder: &Path, prefix: &str) {
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
