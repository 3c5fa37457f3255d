//! Checks of the repository's conventions: dependencies between crates, versions, and sizes of files.

use std::path::PathBuf;
use std::process::Command;

use crate::support::tests_dir;

fn repository() -> PathBuf {
    tests_dir().parent().expect("the repository").to_owned()
}

/// The dependencies of `package` by `cargo tree`.
fn dependencies(package: &str, arguments: &[&str]) -> Vec<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .current_dir(repository())
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}", "--edges", "normal"])
        .args(["--package", package])
        .args(arguments)
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    String::from_utf8_lossy(&output.stdout).lines().map(name).collect()
}

#[test]
fn core_depends_on_no_other_crate_of_the_workspace() {
    let crates = dependencies("common-core", &[]);
    assert!(crates.contains(&"tokio".to_owned()));
    assert!(!crates.iter().any(|name| name.starts_with("common-") && name != "common-core"), "{crates:?}");
}

/// What serves HTTP, reads a command line or draws progress belongs to the runtime.
#[test]
fn core_and_index_do_without_what_makes_a_program() {
    let of_programs = ["hyper", "hyper-util", "clap", "indicatif", "tracing-subscriber", "reqwest", "flate2"];
    for package in ["common-core", "common-index"] {
        let crates = dependencies(package, &[]);
        let found: Vec<_> =
            of_programs.iter().filter(|name| crates.iter().any(|found| found == *name)).collect();
        assert!(found.is_empty(), "{package} depends on {found:?}");
    }
    let runtime = dependencies("common-runtime", &["--no-default-features"]);
    assert!(runtime.contains(&"hyper".to_owned()) && runtime.contains(&"clap".to_owned()), "{runtime:?}");
}

#[test]
fn nothing_under_the_runtime_depends_on_it() {
    for package in [
        "common-core",
        "common-storage",
        "common-embedding",
        "common-index",
        "common-google",
        "common-learning",
        "common-prediction",
    ] {
        assert!(!dependencies(package, &[]).contains(&"common-runtime".to_owned()), "{package}");
    }
}

#[test]
fn storage_embedding_and_index_do_not_depend_on_each_other() {
    let crates = ["common-storage", "common-embedding", "common-index"];
    for package in crates {
        let dependencies = dependencies(package, &[]);
        let found: Vec<_> = crates
            .iter()
            .filter(|other| **other != package && dependencies.iter().any(|name| name == *other))
            .collect();
        assert!(found.is_empty(), "{package} depends on {found:?}");
    }
}

#[test]
fn learning_knows_neither_storage_nor_the_model_of_embeddings() {
    let crates = dependencies("common-learning", &[]);
    let ours: Vec<_> = crates.iter().filter(|name| name.starts_with("common")).collect();
    assert!(crates.contains(&"common-index".to_owned()), "{ours:?}");
    for other in ["common-storage", "common-embedding", "common-google"] {
        assert!(!crates.contains(&other.to_owned()), "{ours:?}");
    }
}

#[test]
fn google_depends_only_on_core() {
    let crates = dependencies("common-google", &[]);
    let ours: Vec<_> = crates.iter().filter(|name| name.starts_with("common")).collect();
    assert_eq!(ours, ["common-google", "common-core"]);
}

#[test]
fn libraries_of_trees_depend_only_on_core() {
    for package in ["common-lightgbm", "common-xgboost"] {
        let crates = dependencies(package, &[]);
        let ours: Vec<_> = crates.iter().filter(|name| name.starts_with("common")).collect();
        assert_eq!(ours, [package, "common-core"]);
    }
}

#[test]
fn functions_depend_only_on_common() {
    let functions = ["embed-new-jobs", "build-vector-index", "similar-jobs", "train-models", "batch-predict"];
    for function in functions {
        let direct = dependencies(function, &["--depth", "1"]);
        let is_ours = |name: &&String| name.starts_with("common") || functions.contains(&name.as_str());
        let ours: Vec<_> = direct.iter().filter(is_ours).filter(|name| *name != function).collect();
        assert_eq!(ours, ["common"]);
    }
}

#[test]
fn only_the_feature_gcp_adds_the_google_crates() {
    let is_google_crate =
        |name: &String| name.contains("google") || name.starts_with("gcp-") || name == "reqwest";
    for program in
        ["embed-new-jobs", "build-vector-index", "similar-jobs", "train-models", "batch-predict", "jobctl"]
    {
        assert!(dependencies(program, &[]).iter().any(is_google_crate));
        let laptop = dependencies(program, &["--no-default-features", "--features", "duckdb"]);
        assert!(laptop.contains(&"libduckdb-sys".to_owned()));
        for crates in [laptop, dependencies(program, &["--no-default-features"])] {
            assert!(!crates.iter().any(is_google_crate), "{crates:?}");
        }
    }
    // The cloud image is built without DuckDB.
    let image = dependencies("embed-new-jobs", &["--no-default-features", "--features", "gcp"]);
    assert!(image.iter().any(is_google_crate) && !image.contains(&"libduckdb-sys".to_owned()), "{image:?}");
}

#[test]
fn only_the_feature_duckdb_adds_duckdb() {
    let has = |crates: &[String], name: &str| crates.iter().any(|found| found == name);
    assert!(has(&dependencies("embed-new-jobs", &[]), "libduckdb-sys"));
    let bare = dependencies("embed-new-jobs", &["--no-default-features"]);
    assert!(has(&bare, "ort") && !has(&bare, "libduckdb-sys"), "{bare:?}");
}

#[test]
fn duplicated_versions_agree() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).expect(path);
    let setup = read("scripts/setup");
    let onnxruntime = format!("onnxruntime-{}", common::embedding::settings::ONNXRUNTIME_VERSION);
    assert!(setup.contains(&onnxruntime), "scripts/setup does not install {onnxruntime}");
    let cargo = read(".cargo/config.toml");
    let duckdb =
        cargo.split(".cache/").find_map(|part| part.split('"').next().filter(|p| p.starts_with("duckdb-")));
    assert!(setup.contains(duckdb.expect("DUCKDB_LIB_DIR")), "scripts/setup installs another DuckDB");
    let tools =
        cargo.split(".cache/").filter_map(|part| part.split('/').next()).filter(|p| p.starts_with("build-"));
    for folder in tools {
        assert!(setup.contains(&format!("\"{folder}\"")), "scripts/setup does not install {folder}");
    }
}

/// All files that are tracked or would be added by git, with one of the endings.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(repository())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .expect("git");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .map(|path| repository().join(path))
        .filter(|path| path.exists())
        .collect()
}

#[test]
fn no_file_has_more_than_400_lines() {
    for path in files(&[".rs", ".py", ".sh", ".sql", ".html", ".js", ".css"]) {
        let lines = std::fs::read_to_string(&path).expect("text").lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_program_contains_the_path_of_its_checkout() {
    // Assembled at run time, so that this file does not contain the searched texts.
    let words = ["CARGO_MANIFEST", "CARGO_TARGET"].map(|name| format!("env!(\"{name}_"));
    for path in files(&[".rs"]) {
        let text = std::fs::read_to_string(&path).expect("text");
        let found = words.iter().find(|word| text.contains(*word));
        assert!(
            found.is_none(),
            "{} has {found:?}: checkouts share build artifacts, so read the path at run time",
            path.display()
        );
    }
}
