//! The emulators of BigQuery and Cloud Storage, started once per test run.

use std::process::Command;
use std::sync::OnceLock;

use super::{left_out, tests_dir};

/// The addresses of the emulators.
pub(crate) struct Emulators {
    /// `host:port`.
    pub(crate) bigquery: String,
    /// `http://host:port`.
    pub(crate) storage: String,
}

/// The shared emulators, started by the first call; `None`, with a message, if the BigQuery emulator cannot run here.
pub(crate) fn emulators() -> Option<&'static Emulators> {
    static EMULATORS: OnceLock<Option<Emulators>> = OnceLock::new();
    let emulators = EMULATORS.get_or_init(start).as_ref();
    if emulators.is_none() {
        left_out("a test against BigQuery", "its emulator needs Python 3.13 (scripts/emulators says more)");
    }
    emulators
}

/// Separate, empty emulators for one test; dropping the value stops them.
pub(crate) struct OwnEmulators {
    pub(crate) emulators: Emulators,
    state: tempfile::TempDir,
}

impl OwnEmulators {
    /// Starts emulators; `None` if the BigQuery emulator cannot run here.
    pub(crate) fn start() -> Option<Self> {
        let state = tempfile::tempdir().expect("a folder");
        let folder = state.path().to_str().expect("a path in UTF-8");
        let own = std::process::id().to_string();
        Some(Self { emulators: run_script(&["--state", folder, "--while", &own])?, state })
    }
}

impl Drop for OwnEmulators {
    fn drop(&mut self) {
        let _ = script().arg("stop").arg("--state").arg(self.state.path()).output();
    }
}

fn script() -> Command {
    Command::new(tests_dir().join("../scripts/emulators"))
}

fn start() -> Option<Emulators> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(bigquery), Some(storage)) = (set("BIGQUERY_EMULATOR_HOST"), set("STORAGE_EMULATOR_HOST")) {
        return Some(Emulators { bigquery, storage });
    }
    // They run as long as the test runner, which starts one process per test or one for all.
    let runner = std::os::unix::process::parent_id().to_string();
    run_script(&["--while", &runner])
}

fn run_script(arguments: &[&str]) -> Option<Emulators> {
    let output = script().arg("start").args(arguments).output().expect("scripts/emulators");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/emulators start: {stderr}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    Some(Emulators {
        bigquery: value("BIGQUERY_EMULATOR_HOST")?.to_owned(),
        storage: value("STORAGE_EMULATOR_HOST")?.to_owned(),
    })
}

impl Emulators {
    /// Creates a bucket and returns its name.
    pub(crate) fn bucket(&self) -> String {
        let name = format!("bucket-{}", unique());
        let url = format!("{}/storage/v1/b?project=demo", self.storage);
        let made = ureq::post(url).send_json(serde_json::json!({ "name": name })).expect("a bucket");
        assert_eq!(made.status(), 200);
        name
    }
}

/// A random suffix for unique names.
pub(crate) fn unique() -> String {
    let number: u64 = rand::Rng::random(&mut rand::rng());
    format!("{number:016x}")
}
