//! An index of many texts that lie as real ones do: built, measured, and searched with filters.
//!
//! `cargo bench --bench index -- --base vectors.f32 --texts 1000000 --folder DIR`: `vectors.f32` holds real embeddings, `[n, 384] f32`;
//! more are made by moving away from them by a random step (`--step`), so that they keep their clusters. One line of JSON.

// A benchmark that cannot go on says why and ends.
#![allow(clippy::expect_used)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use common_core::job::{ContentHash, IndexedAd, JobKey};
use common_index::measure::Truth;
use common_index::{BuildOptions, Builder, Filter, JobIndex, Query};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIMENSION: usize = 384;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let options: HashMap<&str, &str> =
        arguments.chunks_exact(2).map(|pair| (pair[0].trim_start_matches('-'), pair[1].as_str())).collect();
    let Some(base) = options.get("base") else {
        println!("index: left out, no --base with real vectors");
        return;
    };
    let number =
        |name: &str, default: f64| options.get(name).map_or(default, |text| text.parse().expect(name));
    let texts = number("texts", 100_000.0) as usize;
    let folder = PathBuf::from(options.get("folder").copied().unwrap_or("/tmp/index-bench"));
    if !folder.join("manifest.json").exists() {
        build(base, texts, number("step", 0.5) as f32, &folder, number("graph", 20_000.0) as usize);
    }
    let clock = Instant::now();
    let index = JobIndex::open(&folder).expect("the index opens");
    let opened_ms = clock.elapsed().as_secs_f64() * 1e3;
    let truth = Truth::of(&index, 1000);
    let measured = truth.compare(&index);
    let mut tenth = truth.tenth_similarities();
    tenth.sort_by(f32::total_cmp);
    let quartiles = [1, 2, 3].map(|n| tenth[tenth.len() * n / 4]);
    let filters: Vec<serde_json::Value> =
        [("source", "s0"), ("location", "l0"), ("company", "c0"), ("work_type", "w0")]
            .into_iter()
            .map(|(column, value)| filtered(&index, column, value))
            .collect();
    let report = serde_json::json!({
        "texts": index.manifest().texts, "bytes": index.manifest().bytes(), "opened_ms": opened_ms,
        "quality": index.manifest().quality, "graph": index.manifest().graph,
        "recall_at_10": measured.recall_at_10, "p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms,
        "tenth_similarity_quartiles": quartiles, "filters": filters, "with_a_word_of_every_title": with_words(&index),
    });
    println!("{report}");
}

fn build(base: &str, texts: usize, step: f32, folder: &std::path::Path, graph_texts: usize) {
    let bytes = std::fs::read(base).expect("the base vectors");
    let base: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
    let base: Vec<&[f32]> = base.chunks_exact(DIMENSION).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let options = BuildOptions {
        embedding_space: "bench".into(),
        model_version: "bench".into(),
        dimension: DIMENSION,
        code_version: "bench".into(),
        state: String::new(),
        graph_texts,
        most_changed: 0.2,
    };
    let mut builder = Builder::new(folder, options).expect("a folder");
    for n in 0..texts {
        let mut vector = base[n % base.len()].to_vec();
        if n >= base.len() {
            move_away(&mut vector, step, &mut rng);
        }
        let name = |prefix: char, of: usize| Some(format!("{prefix}{}", rand_index(n, of)));
        builder
            .add(IndexedAd {
                key: JobKey { source: format!("s{}", rand_index(n, 2)), job_id: n.to_string() },
                content_hash: ContentHash::of(&n.to_string()),
                embedding: vector,
                job_title: Some(format!("title {}", n % 5000)),
                job_description: None,
                company_name: name('c', 100),
                job_location: name('l', 10),
                job_classification: None,
                job_work_type: name('w', 1000),
                job_currency: Some("SGD".into()),
                job_url: Some(format!("https://example.com/jobs/{n}")),
                salary_min_monthly: Some(3000.0),
                salary_max_monthly: Some(5000.0),
                job_posted_timestamp: None,
            })
            .expect("an ad");
    }
    let manifest = builder.finish(None).expect("an index");
    eprintln!("built {} texts in {:.1} s", manifest.texts, manifest.quality.build_seconds);
}

/// A number below `of` that goes with `n` and with nothing else.
fn rand_index(n: usize, of: usize) -> usize {
    ChaCha8Rng::seed_from_u64((n * 7919 + of) as u64).random_range(0..of)
}

/// A step of length `step` in a random direction, back onto the unit sphere.
fn move_away(vector: &mut [f32], step: f32, rng: &mut ChaCha8Rng) {
    let noise: Vec<f32> =
        (0..DIMENSION).map(|_| (0..4).map(|_| rng.random_range(-1.0..1.0f32)).sum()).collect();
    let size = noise.iter().map(|value| value * value).sum::<f32>().sqrt();
    for (value, noise) in vector.iter_mut().zip(&noise) {
        *value += step * noise / size;
    }
    let size = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    for value in vector.iter_mut() {
        *value /= size;
    }
}

/// The word is in every title, and nothing is slower.
fn with_words(index: &JobIndex) -> serde_json::Value {
    let mut times = Vec::new();
    for row in index.sample(100) {
        let query = Query {
            vector: index.vector(row),
            words: Some("title"),
            top_k: 10,
            filter: &Filter::default(),
            min_similarity: None,
            exact: false,
            not: None,
            include_reposts: false,
        };
        let clock = Instant::now();
        index.search(&query);
        times.push(clock.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    serde_json::json!({ "p50_ms": times[times.len() / 2], "p99_ms": times[times.len() * 99 / 100] })
}

fn filtered(index: &JobIndex, column: &str, value: &str) -> serde_json::Value {
    let values = vec![value.to_owned()];
    let filter = match column {
        "source" => Filter { source: values, ..Filter::default() },
        "location" => Filter { location: values, ..Filter::default() },
        "company" => Filter { company: values, ..Filter::default() },
        _ => Filter { work_type: values, ..Filter::default() },
    };
    let (mut times, mut found, mut same, mut wanted) = (Vec::new(), 0, 0, 0);
    for row in index.sample(300) {
        let query = Query {
            vector: index.vector(row),
            words: None,
            top_k: 10,
            filter: &filter,
            min_similarity: None,
            exact: false,
            not: Some(row),
            include_reposts: false,
        };
        let clock = Instant::now();
        let hits = index.search(&query);
        times.push(clock.elapsed().as_secs_f64() * 1e3);
        found += hits.len();
        if times.len() % 10 == 0 {
            let exact = index.search(&Query { exact: true, ..query });
            wanted += exact.len();
            same += exact.iter().filter(|hit| hits.iter().any(|other| other.row == hit.row)).count();
        }
    }
    times.sort_by(f64::total_cmp);
    serde_json::json!({
        "filter": format!("{column} = {value}"), "found_of_10": found as f64 / times.len() as f64,
        "recall": same as f64 / wanted as f64, "p50_ms": times[times.len() / 2], "p99_ms": times[times.len() * 99 / 100],
    })
}
