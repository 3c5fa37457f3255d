//! Cases for keys, numbers, dates, `--map`, `--set` and the types of Parquet.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date64Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampSecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression as Codec};
use parquet::file::properties::WriterProperties;

use super::Expected::{Ads, Refused};
use super::{Case, cell, csv, gzip, json_ad};

#[allow(clippy::too_many_lines)] // A table.
pub(super) fn cases() -> Vec<Case> {
    vec![
        ("float_id.csv", cell("84112501.0", "", ""), &[], Ads(&["84112501|Cook|NULL|NULL"])),
        ("huge_float_id.csv", cell("99999999999999999.0", "", ""), &[], Refused("a float of 2^53 or more")),
        (
            "nan_id.csv",
            cell("NaN", "", ""),
            &[],
            Refused("column job_id: is \"NaN\", a word for a missing value"),
        ),
        (
            "none_id.csv",
            cell("none", "", ""),
            &["--bad-cells", "missing"],
            Refused("column job_id: is \"none\""),
        ),
        (
            "nat_id.csv",
            csv("B,NaT,2025-06-08,Cook,,\nB,2,2025-06-08,Cook,,\n"),
            &["--bad-cells", "skip-row"],
            Ads(&["2|Cook|NULL|NULL"]),
        ),
        (
            "all_skipped.csv",
            cell("null", "", ""),
            &["--bad-cells", "skip-row"],
            Refused("every row would be skipped"),
        ),
        ("float_id.jsonl", json_ad("84112501.0", "").into(), &[], Ads(&["84112501|NULL|NULL|NULL"])),
        (
            "missing_words.csv",
            csv("B,1,2025-06-08,None,None,N/A\nB,2,2025-06-08,-,\\N,null\n"),
            &[],
            Ads(&["1|None|NULL|NULL", "2|-|NULL|NULL"]),
        ),
        ("thousands.csv", cell("1", "1,234,567.5", ""), &[], Ads(&["1|Cook|1234567.5|NULL"])),
        ("comma_decimals.csv", cell("1", "5,5", ""), &[], Refused("commas between groups of three digits")),
        ("german.csv", cell("1", "1.234,56", ""), &[], Refused("such as 1234.56")),
        (
            "german_missing.csv",
            cell("1", "1.234,56", ""),
            &["--bad-cells", "missing"],
            Ads(&["1|Cook|NULL|NULL"]),
        ),
        ("seconds.csv", cell("1", "", "1749386430"), &[], Ads(&["1|Cook|NULL|2025-06-08T12:40:30Z"])),
        (
            "milliseconds.csv",
            cell("1", "", "1749386430000.0"),
            &[],
            Ads(&["1|Cook|NULL|2025-06-08T12:40:30Z"]),
        ),
        ("day_number.csv", cell("1", "", "20250608"), &[], Refused("--date-format")),
        (
            "day_number_with_format.csv",
            cell("1", "", "20250608"),
            &["--date-format", "%Y%m%d"],
            Ads(&["1|Cook|NULL|2025-06-08T00:00:00Z"]),
        ),
        ("minutes.csv", cell("1", "", "2025-06-08 12:40"), &[], Ads(&["1|Cook|NULL|2025-06-08T12:40:00Z"])),
        (
            "mail.csv",
            cell("1", "", "Sun, 08 Jun 2025 12:40:30 +0800"),
            &[],
            Ads(&["1|Cook|NULL|2025-06-08T04:40:30Z"]),
        ),
        ("month_name.csv", cell("1", "", "March 19, 2026"), &[], Ads(&["1|Cook|NULL|2026-03-19T00:00:00Z"])),
        ("day_month.csv", cell("1", "", "03/04/2026"), &[], Refused("--date-format %d/%m/%Y")),
        (
            "day_month_with_format.csv",
            cell("1", "", "03/04/2026"),
            &["--date-format", "%d/%m/%Y"],
            Ads(&["1|Cook|NULL|2026-04-03T00:00:00Z"]),
        ),
        (
            "year_zero.csv",
            cell("1", "", "0000-01-01"),
            &[],
            Refused("row 1 (line 2), column job_posted_timestamp"),
        ),
        (
            "mapped_twice.csv",
            b"id,key,at\n,5,2025-06-08\n".to_vec(),
            &[
                "--map",
                "id=job_id",
                "--map",
                "key=job_id",
                "--map",
                "at=scrape_timestamp",
                "--set",
                "source=B",
            ],
            Ads(&["5|NULL|NULL|NULL"]),
        ),
        (
            "mistyped.csv",
            b"id,at\n5,2025-06-08\n".to_vec(),
            &["--map", "ID=job_id", "--map", "when=scrape_timestamp", "--set", "source=x"],
            Refused("invalid --map when=scrape_timestamp: expected a column of the file: id, at"),
        ),
        (
            "unknown_target.csv",
            b"id\n5\n".to_vec(),
            &["--map", "id=wages"],
            Refused("invalid --map column \"wages\": expected one of source, scrape_timestamp"),
        ),
        (
            "set_wrongly.csv",
            b"id\n5\n".to_vec(),
            &["--set", "scrape_timestamp=yesterday"],
            Refused("invalid --set scrape_timestamp=\"yesterday\""),
        ),
    ]
}

fn parquet(id: ArrayRef, posted: ArrayRef, codec: Codec) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([
        ("source", Arc::new(StringArray::from(vec!["B"])) as ArrayRef),
        ("job_id", id),
        ("scrape_timestamp", Arc::new(TimestampSecondArray::from(vec![1_749_386_430]))),
        ("job_posted_timestamp", posted),
    ])
    .unwrap();
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

pub(super) fn parquets() -> Vec<Case> {
    let id = || -> ArrayRef { Arc::new(Float64Array::from(vec![84_112_501.0])) };
    let none = || -> ArrayRef { Arc::new(Date64Array::from(vec![None])) };
    let plain = Codec::UNCOMPRESSED;
    let decimal = Decimal128Array::from(vec![8_411_250_100]).with_precision_and_scale(38, 2).unwrap();
    vec![
        (
            "brotli.parquet",
            parquet(id(), none(), Codec::BROTLI(BrotliLevel::default())),
            &[],
            Ads(&["84112501|NULL|NULL|NULL"]),
        ),
        (
            "date64",
            parquet(id(), Arc::new(Date64Array::from(vec![1_748_736_000_000])), plain),
            &[],
            Ads(&["84112501|NULL|NULL|2025-06-01T00:00:00Z"]),
        ),
        (
            "epoch.parquet",
            parquet(id(), Arc::new(Int64Array::from(vec![1_749_386_430_000])), plain),
            &[],
            Ads(&["84112501|NULL|NULL|2025-06-08T12:40:30Z"]),
        ),
        (
            "decimal_id.parquet",
            parquet(Arc::new(decimal), none(), plain),
            &[],
            Ads(&["84112501|NULL|NULL|NULL"]),
        ),
        (
            "nan_id.parquet",
            parquet(Arc::new(Float64Array::from(vec![f64::NAN])), none(), plain),
            &[],
            Refused("row 1, column job_id: is empty"),
        ),
        (
            "far.parquet",
            parquet(id(), Arc::new(TimestampSecondArray::from(vec![253_402_300_800])), plain),
            &[],
            Refused("row 1, column job_posted_timestamp: is +10000-01-01"),
        ),
        (
            "zipped.parquet.gz",
            gzip(&parquet(id(), none(), plain)),
            &[],
            Refused("a Parquet file inside gzip"),
        ),
    ]
}
