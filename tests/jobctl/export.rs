//! `jobctl export`.

use std::fs;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float32Type, TimeUnit};

use super::{error_of, path, read_parquet, stdout_of, text};
use crate::support::Market;

#[test]
fn an_export_loads_back_unchanged() {
    let market = Market::generated(300);
    for format in ["parquet", "ndjson"] {
        let first = path(&market, &format!("first.{format}"));
        let report = stdout_of(&market, &["export", "cleaned_jobs", text(&first)]);
        assert!(report.contains(" rows of cleaned_jobs, "), "{report}");
        let other = Market::empty();
        stdout_of(&other, &["load", text(&first)]);
        let second = path(&other, &format!("second.{format}"));
        stdout_of(&other, &["export", "cleaned_jobs", text(&second)]);
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "{format}");
    }
}

#[test]
fn csv_loses_only_the_difference_between_null_and_empty() {
    let market = Market::generated(300);
    let first = path(&market, "first.csv");
    stdout_of(&market, &["export", "cleaned_jobs", text(&first)]);
    let other = Market::empty();
    stdout_of(&other, &["load", text(&first)]);
    let second = path(&other, "second.csv");
    stdout_of(&other, &["export", "cleaned_jobs", text(&second)]);
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap());
    assert_eq!(other.count("SELECT count(*) FROM cleaned_jobs WHERE job_description IS NULL"), 0);
}

#[test]
fn vectors_are_exported_as_float32_bit_for_bit() {
    let market = Market::generated(5);
    market.execute(
        "CREATE TABLE job_embeddings AS SELECT 'A' AS source, '1' AS job_id, \
         [0.1, '-0'::FLOAT, 1e-45]::FLOAT[3] AS embedding, TIMESTAMP '2025-01-01 00:00:00.000001' AS created_at",
    );
    let file = path(&market, "vectors.parquet");
    stdout_of(&market, &["export", "job_embeddings", text(&file)]);
    let batch = read_parquet(&file);
    let created_at = batch.schema().field(3).data_type().clone();
    assert_eq!(created_at, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    let vectors = batch.column(2).as_list::<i32>();
    assert_eq!(vectors.len(), 1);
    let vector = vectors.value(0);
    let bits: Vec<u32> = vector.as_primitive::<Float32Type>().values().iter().map(|x| x.to_bits()).collect();
    assert_eq!(bits, [0.1f32.to_bits(), (-0.0f32).to_bits(), 1]);
    let file = path(&market, "vectors.ndjson");
    stdout_of(&market, &["export", "job_embeddings", text(&file)]);
    let line = fs::read_to_string(file).unwrap();
    assert!(
        line.contains(r#""embedding":[0.1,-0.0,1e-45],"created_at":"2025-01-01T00:00:00.000001Z""#),
        "{line}"
    );
}

#[test]
fn errors_name_the_remedy_and_keep_an_existing_file() {
    let market = Market::generated(5);
    let old = path(&market, "old.csv");
    fs::write(&old, "old").unwrap();
    let line = error_of(&market, 1, &["export", "jobs", text(&old)]);
    assert_eq!(line, "invalid TABLE \"jobs\": expected one of cleaned_jobs, forgotten_ads");
    let line = error_of(&market, 2, &["export", "cleaned_jobs", "ads.xls"]);
    assert_eq!(
        line,
        "invalid file name \"ads.xls\": expected the extension .parquet, .csv, .ndjson or .jsonl"
    );
    let line = error_of(&market, 1, &["export", "cleaned_jobs", "none/ads.csv"]);
    assert_eq!(line, "none/ads.csv: folder none not found");
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    let line = error_of(&Market::empty(), 1, &["export", "cleaned_jobs", text(&old)]);
    assert!(line.starts_with("there is no warehouse at "), "{line}");
    stdout_of(&market, &["export", "cleaned_jobs", text(&old)]);
    assert!(fs::read_to_string(&old).unwrap().starts_with("source,scrape_timestamp,"));
    let left: Vec<_> = fs::read_dir(market.file().parent().unwrap())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.contains(".jobctl-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
