//! What the parts of the clustering take: principal components, k-means, and the map of all ads.
//!
//! `clusters FOLDER WAREHOUSE_URL…` reads the vectors of every ad, writes them to `FOLDER/vectors.f32`, the components
//! that k-means divides to `components.f32` and the map to `map.f32` (rows of little-endian f32), and prints one line of
//! JSON; `scripts/bench train` starts it. The least time of some rounds counts, except of the map, which has one.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::learning::Ad;
use common::learning::features::projection::Pca;
use common::learning::models::cluster::points::{Partition, Points};
use common::learning::models::umap::{neighbours, umap};
use common::{Error, Result};
use serde_json::{Value, json};

mod reading;

use reading::DIMENSION;

const COMPONENTS: usize = 20;
const CLUSTERS: usize = 10;
const STARTS: u64 = 3;
const SEED: u64 = 42;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds one to what it starts.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let outcome = match &arguments[..] {
        // `scripts/bench hot` starts every benchmark; this one needs vectors.
        [] => return ExitCode::SUCCESS,
        [folder, urls @ ..] if !urls.is_empty() => measure(Path::new(folder), urls).await,
        _ => Err(Error::invalid_input("usage: clusters FOLDER WAREHOUSE_URL…")),
    };
    match outcome {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("clusters: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

async fn measure(folder: &Path, urls: &[String]) -> Result<Value> {
    let mut ads: Vec<Ad> = Vec::new();
    for url in urls {
        ads.extend(reading::ads(url).await?);
    }
    ads.retain(|ad| ad.embedding.len() == DIMENSION);
    let vectors: Vec<f32> = ads.iter().flat_map(|ad| &ad.embedding).copied().collect();
    write(folder, "vectors.f32", &vectors)?;

    let components = || {
        let pca = Pca::fit(&vectors, DIMENSION, COMPONENTS)?;
        Ok(Points::new(COMPONENTS, vectors.chunks_exact(DIMENSION).map(|one| pca.transform(one)).collect()))
    };
    let (points, pca) = least(ROUNDS, components)?;
    write(folder, "components.f32", &points.values)?;
    let (partition, k_means) = least(ROUNDS, || Ok(Partition::k_means(&points, CLUSTERS, STARTS, SEED)))?;
    let (map, drawn) = least(1, || {
        let near = neighbours(&vectors, DIMENSION);
        let pca = Pca::fit(&vectors, DIMENSION, 2)?;
        let start = Points::new(2, vectors.chunks_exact(DIMENSION).map(|one| pca.transform(one)).collect());
        Ok(umap(&near, &start, SEED))
    })?;
    write(folder, "map.f32", &map.values)?;
    Ok(json!({
        "ads": ads.len(),
        "pca": { "seconds": pca.0.as_secs_f64(), "cpu_seconds": pca.1.as_secs_f64() },
        "k_means": {
            "seconds": k_means.0.as_secs_f64(),
            "cpu_seconds": k_means.1.as_secs_f64(),
            "inertia": partition.inertia(&points),
        },
        "umap": { "seconds": drawn.0.as_secs_f64(), "cpu_seconds": drawn.1.as_secs_f64() },
    }))
}

/// The result, and the least of each of wall time and time of the processors.
fn least<T>(rounds: usize, make: impl Fn() -> Result<T>) -> Result<(T, (Duration, Duration))> {
    let mut least = (Duration::MAX, Duration::MAX);
    let mut done = 0;
    loop {
        let (clock, cpu) = (Instant::now(), cpu_time());
        let result = make()?;
        least = (least.0.min(clock.elapsed()), least.1.min(cpu_time().saturating_sub(cpu)));
        done += 1;
        if done >= rounds {
            return Ok((result, least));
        }
    }
}

fn write(folder: &Path, name: &str, values: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let path = folder.join(name);
    std::fs::write(&path, bytes)
        .map_err(|error| Error::internal(format!("cannot write {}", path.display())).caused_by(error))
}

/// Of this process, on all its threads.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name may contain anything, and ends with the last parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // Linux counts in hundredths of a second here, whatever its clock does.
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}
