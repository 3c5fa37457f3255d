//! Build script of every crate with binaries or tests: lets them find the libraries of DuckDB and LightGBM where
//! `scripts/setup` put them, with no variable to export. An rpath set through RUSTFLAGS would be lost as soon as
//! RUSTFLAGS is set to something else.

use std::path::PathBuf;

fn main() {
    if std::env::var_os("CARGO_FEATURE_DUCKDB").is_some() {
        // libduckdb-sys links the library.
        folder("DUCKDB_LIB_DIR");
    }
    if let Some(folder) = folder("LIGHTGBM_LIB_DIR") {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
}

/// The folder that a variable names, which becomes a place where binaries look for libraries.
fn folder(variable: &str) -> Option<PathBuf> {
    println!("cargo:rerun-if-env-changed={variable}");
    let given = PathBuf::from(std::env::var_os(variable)?);
    // The folder behind the checkout's `.cache` link: the binary must outlive the checkout it came from.
    let folder = std::fs::canonicalize(&given).unwrap_or(given);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    Some(folder)
}
