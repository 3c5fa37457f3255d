//! Cases for formats, encodings, delimiters, quotes, JSON documents, compression and unsupported formats.

use super::Expected::{Ads, Refused};
use super::{Case, HEADER, csv, gzip, json_ad, utf16};

const ROW: &str = "B,1,2025-06-08,Cook,5000,2025-06-01\n";

/// One ad in CSV with this delimiter.
fn delimited_by(delimiter: u8) -> Vec<u8> {
    csv(ROW).iter().map(|byte| if *byte == b',' { delimiter } else { *byte }).collect()
}

/// CSV of these rows with every `\x01` replaced by `byte`.
fn csv_with_byte(rows: &str, byte: u8) -> Vec<u8> {
    csv(rows).iter().map(|b| if *b == 1 { byte } else { *b }).collect()
}

#[allow(clippy::too_many_lines)] // A table.
pub(super) fn cases() -> Vec<Case> {
    let one = || Ads(&["1|Cook|5000|2025-06-01T00:00:00Z"]);
    let marked = |little: bool| {
        let mark = if little { [0xff, 0xfe] } else { [0xfe, 0xff] };
        [&mark[..], &utf16(&format!("{HEADER}\n{ROW}"), little)].concat()
    };
    vec![
        ("semicolons.csv", delimited_by(b';'), &[], one()),
        ("tabs.tsv", delimited_by(b'\t'), &[], one()),
        ("pipes.txt", delimited_by(b'|'), &[], one()),
        ("sep_semicolon.csv", [b"sep=;\r\n", &delimited_by(b';')[..]].concat(), &[], one()),
        ("no_extension", csv(ROW), &[], one()),
        ("csv_named.parquet", csv(ROW), &[], one()),
        ("csv_named.json", csv(ROW), &[], one()),
        ("mark.csv", [b"\xef\xbb\xbf", &csv(ROW)[..]].concat(), &[], one()),
        ("carriage_returns.csv", String::from_utf8(csv(ROW)).unwrap().replace('\n', "\r").into(), &[], one()),
        ("utf16le.csv", marked(true), &[], one()),
        ("utf16be.csv", marked(false), &[], one()),
        ("utf16_unmarked.csv", utf16(&format!("{HEADER}\n{ROW}"), true), &[], Refused("--encoding utf-16le")),
        ("utf16_declared.csv", utf16(&format!("{HEADER}\n{ROW}"), true), &["--encoding", "utf-16le"], one()),
        (
            "utf16_cut.csv",
            marked(true)[..101].to_vec(),
            &[],
            Refused("the file has bytes that are invalid in UTF-16LE"),
        ),
        (
            "latin.csv",
            csv_with_byte("B,1,2025-06-08,Caf\u{1},1,\n", 0xe9),
            &[],
            Refused("--encoding windows-1252"),
        ),
        (
            "latin_declared.csv",
            csv_with_byte("B,1,2025-06-08,Caf\u{1},1,\n", 0xe9),
            &["--encoding", "windows-1252"],
            Ads(&["1|Café|1|NULL"]),
        ),
        (
            "euros.csv",
            csv_with_byte("B,1,2025-06-08,\u{1} shop,1,\n", 0x80),
            &["--encoding", "windows-1252"],
            Ads(&["1|€ shop|1|NULL"]),
        ),
        (
            "not_latin.csv",
            csv("B,1,2025-06-08,Café,1,\n"),
            &["--encoding", "windows-1252"],
            Refused("this is UTF-8, not windows-1252; load it without --encoding"),
        ),
        (
            "gb18030.csv",
            [HEADER.as_bytes(), b"\nB,1,2025-06-08,\xcf\xfa\xca\xdb,1,\n"].concat(),
            &["--encoding", "gb18030"],
            Ads(&["1|销售|1|NULL"]),
        ),
        (
            "spark.csv",
            csv("B,1,2025-06-08,\"He \\\"hi\\\", she\",1,\n"),
            &[],
            Ads(&["1|He \"hi\", she|1|NULL"]),
        ),
        (
            "spark_end.csv",
            csv("B,1,2025-06-08,\"a \\\"b\\\"\",1,\n"),
            &["--escape", "\\"],
            Ads(&["1|a \"b\"|1|NULL"]),
        ),
        ("windows_path.csv", csv("B,1,2025-06-08,\"C:\\\",1,\n"), &[], Ads(&["1|C:\\|1|NULL"])),
        (
            "mixed_escapes.csv",
            csv("B,1,2025-06-08,\"C:\\\",1,\nB,2,2025-06-08,\"a \\\"b\\\"\",1,\n"),
            &[],
            Refused("load the file with --escape '\\'"),
        ),
        (
            "loose_quotes.csv",
            csv("B,1,2025-06-08,\"Senior \"Lead\" Cook\",1,\n"),
            &[],
            Refused("row 1 (line 2) has text after a closing quote"),
        ),
        (
            "open_quote.csv",
            csv("B,1,2025-06-08,\"never closed,1,\n"),
            &[],
            Refused("opens a quote that is never closed"),
        ),
        (
            "list.json",
            format!("[\n  {},\n  {}\n]", json_ad("1", ",\"job_title\":\"Cook\""), json_ad("2", "")).into(),
            &[],
            Ads(&["1|Cook|NULL|NULL", "2|NULL|NULL|NULL"]),
        ),
        (
            "pretty.json",
            json_ad("1", ",\"job_title\":\"Cook\"").replace(',', ",\n  ").into(),
            &[],
            Ads(&["1|Cook|NULL|NULL"]),
        ),
        (
            "documents.json",
            format!("{{\n{}{}", &json_ad("1", "")[1..], json_ad("2", "")).into(),
            &[],
            Ads(&["1|NULL|NULL|NULL", "2|NULL|NULL|NULL"]),
        ),
        (
            "wrapped.json",
            format!("{{\"data\":{{\"jobs\":[{}]}},\"total\":1}}", json_ad("1", "")).into(),
            &[],
            Refused("--rows data.jobs"),
        ),
        (
            "unwrapped.json",
            format!("{{\"data\":{{\"jobs\":[{}]}},\"total\":1}}", json_ad("1", "")).into(),
            &["--rows", "data.jobs"],
            Ads(&["1|NULL|NULL|NULL"]),
        ),
        (
            "nested.jsonl",
            b"{\"id\":7.0,\"meta\":{\"at\":1749386430},\"pay\":{\"from\":\"5,000\"},\"t\":\"Cook\"}\n"
                .to_vec(),
            &[
                "--set",
                "source=B",
                "--map",
                "id=job_id",
                "--map",
                "meta.at=scrape_timestamp",
                "--map",
                "pay.from=job_salary_min_sgd_monthly",
                "--map",
                "t=job_title",
            ],
            Ads(&["7|Cook|5000|NULL"]),
        ),
        (
            "python_nan.jsonl",
            json_ad("1", ",\"job_salary_min_sgd_monthly\":NaN,\"job_title\":\"NaN\"").into(),
            &[],
            Ads(&["1|NaN|NULL|NULL"]),
        ),
        (
            "cut.json",
            format!("[{},", json_ad("1", "")).into(),
            &[],
            Refused("is not closed after 1 values; the file is truncated"),
        ),
        ("zipped.csv.gz", gzip(&csv(ROW)), &[], one()),
        ("zipped_twice", gzip(&gzip(&csv(ROW))), &[], one()),
        ("zipped.json", gzip(json_ad("1", "").as_bytes()), &[], Ads(&["1|NULL|NULL|NULL"])),
        ("cut.csv.gz", gzip(&csv(ROW))[..60].to_vec(), &[], Refused("the gzip data is damaged or truncated")),
        (
            "workbook.csv",
            b"PK\x03\x04\x14\0\x06\0[Content_Types].xml xl/workbook.xml".to_vec(),
            &[],
            Refused("an Excel workbook (.xlsx)"),
        ),
        ("archive.csv", b"PK\x03\x04\x14\0\0\0ads.csv".to_vec(), &[], Refused("a zip archive")),
        ("page.csv", b"<!DOCTYPE html>\n<html><title>Sign in</title>".to_vec(), &[], Refused("an HTML page")),
        (
            "pointer.parquet",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n".to_vec(),
            &[],
            Refused("a Git LFS pointer"),
        ),
        ("empty.jsonl", Vec::new(), &[], Ads(&[])),
        ("empty.json", Vec::new(), &[], Refused("the file is empty")),
        ("blank.csv", b"\xef\xbb\xbf \n\n".to_vec(), &[], Refused("the file is empty")),
    ]
}
