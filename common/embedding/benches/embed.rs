//! The hot pieces of embedding: tokenizing and inference, by length of text and precision, on one thread.
//! Run with `scripts/bench hot`; setup must have made the model.

#![allow(clippy::expect_used)]

use std::time::Duration;

use common_core::Result;
use common_core::settings::{Settings, Variables, from_environment};
use common_embedding::model::ModelPackage;
use common_embedding::tokenize::TextTokenizer;
use common_embedding::{Embedder, EmbeddingSettings};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

/// About this many tokens each.
const LENGTHS: [usize; 3] = [8, 64, 190];

fn text(tokens: usize) -> String {
    let words = ["plans", "the", "weekly", "roster", "of", "a", "busy", "depot", "and", "keeps", "it"];
    words.iter().cycle().take(tokens - 2).copied().collect::<Vec<_>>().join(" ")
}

fn settings(precision: &str) -> Result<EmbeddingSettings> {
    let environment = Variables::of_process(&EmbeddingSettings::variables())?;
    let flags = [("embedding_precision", precision), ("device", "cpu"), ("threads", "1")];
    EmbeddingSettings::read(
        &flags.iter().fold(environment, |all, (field, value)| all.with_flag(field, *value)),
    )
}

#[divan::bench(args = LENGTHS)]
fn tokenize(bencher: Bencher<'_, '_>, tokens: usize) {
    let settings = settings("fp32").expect("settings").model;
    let package =
        ModelPackage::open(&settings.model_dir, settings.embedding_model.as_str()).expect("a model");
    let path = package.tokenizer().expect("a tokenizer");
    let tokenizer = TextTokenizer::open(&path, package.max_tokens).expect("a tokenizer");
    let text = text(tokens);
    bencher.counter(ItemsCount::new(1_usize)).bench(|| tokenizer.encode(&text));
}

fn embed(bencher: Bencher<'_, '_>, precision: &str, tokens: usize) {
    let settings = settings(precision).expect("settings");
    let mut embedders = common_embedding::open(&settings, None).expect("an embedder");
    let text = text(tokens);
    let embedder: &mut Box<dyn Embedder> = embedders.first_mut().expect("one embedder");
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| embedder.embed(&[&text]));
}

#[divan::bench(args = LENGTHS)]
fn embed_fp32(bencher: Bencher<'_, '_>, tokens: usize) {
    embed(bencher, "fp32", tokens);
}

#[divan::bench(args = LENGTHS)]
fn embed_int8(bencher: Bencher<'_, '_>, tokens: usize) {
    embed(bencher, "int8", tokens);
}

/// Texts of one length that come together, as they do in a service under load: one session that all cores share.
#[divan::bench(args = LENGTHS)]
fn embed_together(bencher: Bencher<'_, '_>, tokens: usize) {
    const TEXTS: usize = 16;
    let settings: EmbeddingSettings = from_environment().expect("settings");
    let mut embedder = common_embedding::open_one(&settings, Duration::from_mins(1)).expect("an embedder");
    let text = text(tokens);
    bencher.counter(ItemsCount::new(TEXTS)).bench_local(|| embedder.embed(&[text.as_str(); TEXTS]));
}
