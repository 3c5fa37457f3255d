//! Build script of every binary: lets it find DuckDB's library where `scripts/setup` put it, with no variable
//! to export. An rpath set through RUSTFLAGS would be lost as soon as somebody sets RUSTFLAGS.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if std::env::var_os("CARGO_FEATURE_DUCKDB").is_none() {
        return;
    }
    if let Ok(directory) = std::env::var("DUCKDB_LIB_DIR") {
        // The folder behind the checkout's `.cache` link: the binary must outlive the checkout it came from.
        let directory = std::fs::canonicalize(&directory).unwrap_or_else(|_| directory.into());
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", directory.display());
    }
}
