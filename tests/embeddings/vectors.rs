//! The vectors: equal to the reference implementation, and reproducible bit for bit.

use std::time::Duration;

use common::embedding;
use common::embedding::EmbeddingSettings;
use common::settings::{Settings, Variables};
use serde_json::{Value, json};

use crate::support::{Market, Vectors, ad};

/// Texts with vectors of sentence-transformers, made by `tests/golden/make_embeddings.py`.
const GOLDEN: &str = include_str!("../golden/embeddings.json");

fn golden() -> (Vec<Value>, Vectors) {
    let golden: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    let ads = golden.iter().map(|entry| {
        let (title, description) = parts(entry["text"].as_str().unwrap());
        ad(entry["id"].as_str().unwrap(), json!(title), json!(description), 0)
    });
    let vector = |entry: &Value| serde_json::from_value(entry["embedding"].clone()).unwrap();
    let vectors =
        golden.iter().map(|entry| (entry["id"].as_str().unwrap().to_owned(), vector(entry))).collect();
    (ads.collect(), vectors)
}

/// Splits `text` into title and description so that the embedding text begins like `text`: titles are truncated to
/// 1,000 characters.
fn parts(text: &str) -> (&str, &str) {
    match text.char_indices().nth(1000) {
        Some((end, _)) => {
            let split = text[..end].rfind(". ").expect("a sentence ends within 1,000 characters");
            (&text[..split], &text[split + 2..])
        }
        None => (text, ""),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn worst_cosine(vectors: &Vectors, expected: &Vectors) -> f64 {
    assert_eq!(vectors.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    vectors.iter().map(|(id, vector)| cosine(vector, &expected[id])).fold(1.0, f64::min)
}

#[test]
fn vectors_equal_those_of_sentence_transformers() {
    let (ads, expected) = golden();
    let market = Market::empty();
    market.load(&ads);
    let report = market.embedded(&[]);
    let worst = worst_cosine(&market.vectors(), &expected);
    assert!(worst > 0.99999, "fp32: {worst}");
    assert_eq!(report["statistics"]["nan_count"], 0);

    let forced = market.embedded(&["--force", "--precision", "int8"]);
    assert_eq!(forced["embedded"], report["embedded"]);
    let worst = worst_cosine(&market.vectors(), &expected);
    assert!((0.97..0.99999).contains(&worst), "int8: {worst}");
    let versions = "SELECT count(*) FROM job_embeddings WHERE model_version LIKE '%/int8-cpu-%'";
    assert_eq!(market.count(versions), i64::try_from(expected.len()).unwrap());
}

#[test]
fn a_vector_does_not_depend_on_other_ads() {
    let (ads, _) = golden();
    for precision in ["fp32", "int8"] {
        let run = |market: &Market, arguments: &[&str]| {
            market.embedded(&[&["--precision", precision], arguments].concat());
        };
        let together = Market::generated(80);
        together.load(&ads);
        run(&together, &["--threads", "2"]);
        let expected = together.vectors();

        let batched = Market::generated(80);
        batched.load(&ads);
        run(&batched, &["--threads", "1", "--batch-size", "16"]);
        assert!(batched.vectors() == expected, "{precision}: batches change vectors");

        let alone = Market::empty();
        for part in ads.chunks(4) {
            alone.load(part);
            run(&alone, &["--threads", "1"]);
        }
        for (id, vector) in alone.vectors() {
            assert!(vector == expected[&id], "{precision}: {id} depends on what else is in the run");
        }
    }
}

#[test]
fn a_service_and_a_run_compute_identical_vectors() {
    let config = |threads: &str, precision: &str| {
        let flags = [("threads", threads), ("embedding_precision", precision), ("device", "cpu")];
        let environment = Variables::of_process(&EmbeddingSettings::variables()).unwrap();
        let variables = flags.iter().fold(environment, |all, (field, value)| all.with_flag(field, *value));
        EmbeddingSettings::read(&variables).unwrap()
    };
    let golden: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    let mut texts: Vec<&str> = golden.iter().map(|entry| entry["text"].as_str().unwrap()).collect();
    // Several texts of the same length share a batch.
    texts.extend(["site manager", "data engineer", "staff nurse", "line cook", "bus driver", "site manager"]);
    for precision in ["fp32", "int8"] {
        let mut alone = embedding::open(&config("1", precision), None).unwrap().remove(0);
        let expected: Vec<Vec<f32>> =
            texts.iter().map(|text| alone.embed(&[text]).remove(0).unwrap()).collect();
        for threads in ["1", "2", "3"] {
            let together = embedding::open_one(&config(threads, precision), Duration::from_mins(1))
                .unwrap()
                .embed(&texts);
            let together: Vec<Vec<f32>> = together.into_iter().map(Result::unwrap).collect();
            assert_eq!(together, expected, "{precision}, {threads} threads");
        }
    }
}
