//! The readers of every format: accepted files and errors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt64Array,
};
use arrow::datatypes::Int32Type;
use common::ErrorKind;
use common::job::JobAd;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

use super::reader::{self, Notes};
use super::recipe::Recipe;
use crate::timestamp;

const HEADER: &str = "source,job_id,scrape_timestamp,job_title,job_salary_min_sgd_monthly";

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn read(path: &Path) -> common::Result<(Vec<JobAd>, Notes)> {
    read_with(path, &[])
}

fn read_with(path: &Path, flags: &[&str]) -> common::Result<(Vec<JobAd>, Notes)> {
    let mut reader = reader::open(path, &Arc::new(Recipe::of_flags(flags)?))?;
    let mut ads = Vec::new();
    for batch in reader.by_ref() {
        ads.extend(batch?);
    }
    Ok((ads, reader.notes()))
}

/// The error of reading a file with this content, without the path of its folder.
fn refusal(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = read(&file(folder.path(), name, bytes)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let line = error.chain();
    assert!(!line.contains('\n'), "{line}");
    line.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn errors_of_csv_name_row_line_and_column() {
    for (rows, expected) in [
        ("MCF,1,2025-01-01\n", "ads.csv: row 1 (line 2) has 3 cells, expected 5 as in the header"),
        ("MCF,1,2025-01-01,Cook,10,\n", "ads.csv: row 1 (line 2) has 6 cells, expected 5 as in the header"),
        (
            "MCF,1,2025-01-01,Cook,10\n,2,2025-01-01,Cook,\n",
            "ads.csv: row 2 (line 3), column source: is empty",
        ),
        (
            "MCF,1,2025-01-01,\"two\nlines\",\nMCF,2,yesterday,Cook,\n",
            "ads.csv: row 2 (line 4), column scrape_timestamp: is \"yesterday\"; expected a timestamp",
        ),
        (
            "MCF,1,2025-01-01,Cook,-5\n",
            "ads.csv: row 1 (line 2), column job_salary_min_sgd_monthly: is -5; expected a number that is not negative",
        ),
        (
            "MCF,1,2025-01-01,Cook,inf\n",
            "ads.csv: row 1 (line 2), column job_salary_min_sgd_monthly: is inf; expected a finite number",
        ),
        (
            "MCF,1,2025-01-01,Cook,3k\n",
            "ads.csv: row 1 (line 2), column job_salary_min_sgd_monthly: is \"3k\"; expected a number",
        ),
        (
            "MCF,1,1735,Cook,\n",
            "ads.csv: row 1 (line 2), column scrape_timestamp: is the number 1735; expected a timestamp",
        ),
        (
            "MCF,1,2025-01-01,ok,\nMCF,2,2025-01-01,\"never closed,\nMCF,3,2025-01-01,Cook,\n",
            "ads.csv: row 2 (line 3) opens a quote that is never closed",
        ),
        ("MCF,1,2025-01-01,Cook,\"5", "ads.csv: row 1 (line 2) opens a quote that is never closed"),
    ] {
        let error = refusal("ads.csv", format!("{HEADER}\n{rows}"));
        assert!(error.starts_with(expected), "{error}");
    }
    let latin = [HEADER.as_bytes(), b"\nMCF,1,2025-01-01,Caf\xe9,\n"].concat();
    let error = refusal("ads.csv", latin);
    let expected = "ads.csv: row 1 (line 2), column job_title: is not UTF-8; expected text; load the file with its \
                    encoding, for example --encoding windows-1252";
    assert_eq!(error, expected);
}

#[test]
fn errors_of_headers_name_the_columns() {
    for (text, expected) in [
        ("", "ads.csv: the file is empty"),
        ("sep=;\n", "ads.csv: the file is empty; its first row must name the columns"),
        (
            "source,job_id\n",
            "ads.csv: missing column scrape_timestamp; unknown columns: none; load it with \
             --set scrape_timestamp=2025-01-31T09:30:00Z",
        ),
        (
            "source,id,title\n",
            "ads.csv: missing columns scrape_timestamp and job_id; unknown columns: id, title; \
             load it with --set scrape_timestamp=2025-01-31T09:30:00Z (when it was scraped) --map id=job_id \
             --map title=job_title",
        ),
        ("source,job_id,SOURCE,scrape_timestamp\n", "ads.csv: duplicate column source"),
    ] {
        let error = refusal("ads.csv", text);
        assert!(error.starts_with(expected), "{error}");
    }
    let error = refusal("ads.csv", b"Caf\xe9,source\n");
    let expected = "ads.csv: the header is not UTF-8; load the file with its encoding, for example --encoding windows-1252";
    assert_eq!(error, expected);
}

#[test]
fn csv_text_is_loaded_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let long = "工".repeat(400_000);
    let text = format!(
        "\u{feff}Job_Title,extra,SOURCE,scrape_timestamp,job_id,job_salary_min_sgd_monthly\r\n\
         \"two\r\nlines, \"\"quoted\"\" 👩‍🍳\",x,MCF,2025-01-01 08:00:00 UTC,1,3500.5\r\n\
         ,,MCF,2025-01-02,2,\r\n\
         \u{202b}مهندس\u{202c}\0,,MCF,2025-01-03T08:00:00+08:00,3,1e4\r\n\
         {long},,MCF,2025-01-03T08:00:00+08:00,4,0"
    );
    let (ads, notes) = read(&file(folder.path(), "ads.csv", text)).unwrap();
    assert_eq!(ads.len(), 4);
    assert_eq!(ads[0].job_title.as_deref(), Some("two\r\nlines, \"quoted\" 👩‍🍳"));
    assert_eq!(ads[0].job_salary_min_sgd_monthly, Some(3500.5));
    assert_eq!((ads[1].job_title.as_deref(), ads[1].job_salary_min_sgd_monthly), (Some(""), None));
    assert_eq!(ads[2].job_title.as_deref(), Some("\u{202b}مهندس\u{202c}\0"));
    assert_eq!(ads[2].scrape_timestamp, timestamp::parse("2025-01-03T00:00:00Z").unwrap());
    assert_eq!(ads[3].job_title.as_ref().map(String::len), Some(1_200_000));
    assert_eq!(notes.ignored, ["extra"]);
    assert!(notes.absent.contains(&"job_description") && !notes.absent.contains(&"job_title"));
}

#[test]
fn errors_of_ndjson_name_row_line_and_column() {
    let good = r#"{"source":"MCF","job_id":"1","scrape_timestamp":"2025-01-01"}"#;
    for (line, expected) in [
        ("[", "ads.ndjson: row 2 (line 3) is not a JSON object: EOF while parsing a list"),
        ("[1]", "ads.ndjson: row 2 (line 3) is a list; expected one object per ad"),
        ("{\"source\":\"MCF\",}", "ads.ndjson: row 2 (line 3) is not a JSON object: trailing comma"),
        (
            r#"{"source":"MCF"}"#,
            "ads.ndjson: row 2 (line 3), columns scrape_timestamp and job_id: are missing",
        ),
        (
            r#"{"source":null,"job_id":"1","scrape_timestamp":"2025-01-01"}"#,
            "ads.ndjson: row 2 (line 3), column source: is empty",
        ),
        (
            r#"{"source":"MCF","job_id":"1","scrape_timestamp":1735}"#,
            "ads.ndjson: row 2 (line 3), column scrape_timestamp: is the number 1735; expected a timestamp",
        ),
        (
            r#"{"source":"MCF","job_id":"1","scrape_timestamp":"2025-01-01","job_title":{"en":"Cook"}}"#,
            "ads.ndjson: row 2 (line 3), column job_title: is an object; expected text",
        ),
        (
            r#"{"source":"MCF","job_id":"1","Job_Id":"2","scrape_timestamp":"2025-01-01"}"#,
            "ads.ndjson: row 2 (line 3), member job_id: appears twice in the object",
        ),
        (
            r#"{"source":"MCF","job_id":"1","scrape_timestamp":"2025-01-01","job_salary_max_sgd_raw":-0.5}"#,
            "ads.ndjson: row 2 (line 3), column job_salary_max_sgd_raw: is -0.5; expected a number that is not negative",
        ),
        (r#"{"source":"\ud800"}"#, "ads.ndjson: row 2 (line 3) is not a JSON object: "),
    ] {
        let error = refusal("ads.ndjson", format!("{good}\n\n{line}\n"));
        assert!(error.starts_with(expected), "{error}");
    }
    let error = refusal("ads.ndjson", b"{\"source\":\"Caf\xe9\"}\n");
    assert!(error.starts_with("ads.ndjson: row 1 (line 1) is not a JSON object: invalid unicode"), "{error}");
}

#[test]
fn ndjson_values_are_loaded_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let text = concat!(
        "\u{feff}{\"SOURCE\":\"MCF\",\"job_id\":42,\"scrape_timestamp\":\"2025-01-01 08:00:00.25\",\"tags\":[1]}\r\n",
        "  \n",
        r#"{"source":"MCF","job_id":"a\u0000b","scrape_timestamp":"2025-01-01","job_title":"","company_id":null,"#,
        r#""job_salary_min_sgd_raw":18446744073709551615,"job_posted_timestamp":""}"#
    );
    let (ads, notes) = read(&file(folder.path(), "ads.jsonl", text)).unwrap();
    assert_eq!((ads[0].job_id.as_str(), ads[0].scrape_timestamp.timestamp_subsec_millis()), ("42", 250));
    assert_eq!(ads[1].job_id, "a\0b");
    assert_eq!((ads[1].job_title.as_deref(), ads[1].company_id.as_deref()), (Some(""), None));
    assert_eq!(ads[1].job_salary_min_sgd_raw, Some(18_446_744_073_709_551_615.0));
    assert_eq!(ads[1].job_posted_timestamp, None);
    assert_eq!(notes.ignored, ["tags"]);
    assert!(notes.absent.contains(&"job_location") && !notes.absent.contains(&"job_title"));
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Two rows with the required columns and one more.
fn two_rows(name: &'static str, column: ArrayRef) -> Vec<u8> {
    parquet(vec![
        ("source", Arc::new(StringArray::from(vec!["MCF", "MCF"]))),
        ("job_id", Arc::new(StringArray::from(vec!["1", "2"]))),
        ("scrape_timestamp", Arc::new(TimestampSecondArray::from(vec![0, 60]).with_timezone("+08:00"))),
        (name, column),
    ])
}

#[test]
fn every_supported_parquet_type_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some(""), None])),
        Arc::new(LargeStringArray::from(vec![Some(""), None])),
        Arc::new(StringViewArray::from(vec![Some(""), None])),
        Arc::new(DictionaryArray::<Int32Type>::from_iter([Some(""), None])),
        Arc::new(BinaryArray::from(vec![Some(&b""[..]), None])),
    ];
    for (index, array) in texts.into_iter().enumerate() {
        let path = file(folder.path(), &format!("text{index}.parquet"), two_rows("Job_Title", array));
        let (ads, _) = read(&path).unwrap();
        let titles: Vec<Option<&str>> = ads.iter().map(|ad| ad.job_title.as_deref()).collect();
        assert_eq!(titles, [Some(""), None], "{index}");
        assert_eq!(ads[1].scrape_timestamp, timestamp::parse("1970-01-01T00:01:00Z").unwrap());
    }
    let moments: Vec<ArrayRef> = vec![
        Arc::new(TimestampSecondArray::from(vec![Some(86_400), None])),
        Arc::new(TimestampMillisecondArray::from(vec![Some(86_400_000), None]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(86_400_000_000), None])),
        Arc::new(TimestampNanosecondArray::from(vec![Some(86_400_000_000_999), None])),
        Arc::new(Date32Array::from(vec![Some(1), None])),
        Arc::new(StringArray::from(vec![Some("1970-01-02"), None])),
    ];
    for (index, array) in moments.into_iter().enumerate() {
        let path =
            file(folder.path(), &format!("time{index}.parquet"), two_rows("job_posted_timestamp", array));
        let posted: Vec<_> = read(&path).unwrap().0.iter().map(|ad| ad.job_posted_timestamp).collect();
        assert_eq!(posted, [timestamp::parse("1970-01-02"), None], "{index}");
    }
    let amounts: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![Some(3500.0), None])),
        Arc::new(Int32Array::from(vec![Some(3500), None])),
        Arc::new(UInt64Array::from(vec![Some(3500), None])),
        Arc::new(Decimal128Array::from(vec![Some(350_000), None]).with_precision_and_scale(12, 2).unwrap()),
    ];
    for (index, array) in amounts.into_iter().enumerate() {
        let path =
            file(folder.path(), &format!("pay{index}.parquet"), two_rows("job_salary_max_sgd_raw", array));
        let pay: Vec<_> = read(&path).unwrap().0.iter().map(|ad| ad.job_salary_max_sgd_raw).collect();
        assert_eq!(pay, [Some(3500.0), None], "{index}");
    }
    let ids = two_rows("company_id", Arc::new(Int64Array::from(vec![Some(-7), None])));
    let (ads, notes) = read(&file(folder.path(), "ids.parquet", ids)).unwrap();
    assert_eq!(ads[0].company_id.as_deref(), Some("-7"));
    assert!(notes.ignored.is_empty() && notes.absent.len() == 19);
}

#[test]
fn errors_of_parquet_name_row_and_column() {
    for (bytes, expected) in [
        (
            two_rows("job_salary_min_sgd_raw", Arc::new(BooleanArray::from(vec![true, false]))),
            "ads.parquet: column job_salary_min_sgd_raw holds Boolean; expected a number",
        ),
        (
            two_rows("job_posted_timestamp", Arc::new(BooleanArray::from(vec![true, false]))),
            "ads.parquet: column job_posted_timestamp holds Boolean; expected a timestamp",
        ),
        (
            two_rows("job_title", Arc::new(Float64Array::from(vec![1.0, 2.5]))),
            "ads.parquet: row 2, column job_title: is the number 2.5; expected text",
        ),
        (
            two_rows("job_salary_min_sgd_raw", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY]))),
            "ads.parquet: row 2, column job_salary_min_sgd_raw: is inf; expected a finite number",
        ),
        (
            two_rows("job_title", Arc::new(BinaryArray::from(vec![&b"ok"[..], b"\xff"]))),
            "ads.parquet: row 2, column job_title: is not UTF-8; expected text",
        ),
        (
            two_rows("company_id", Arc::new(Float32Array::from(vec![16_777_215.0, 84_112_501.0]))),
            "ads.parquet: row 2, column company_id: is a 32-bit float of 2^24 or more, which may have lost digits; expected text",
        ),
        (
            two_rows("job_posted_timestamp", Arc::new(Float32Array::from(vec![f32::NAN, 1_749_386_430.0]))),
            "ads.parquet: row 2, column job_posted_timestamp: is a 32-bit float of 2^24 or more",
        ),
        (
            two_rows("Source", Arc::new(StringArray::from(vec!["MCF", "MCF"]))),
            "ads.parquet: duplicate column source",
        ),
        (
            parquet(vec![("source", Arc::new(StringArray::from(vec!["MCF"])))]),
            "ads.parquet: missing columns scrape_timestamp and job_id",
        ),
        (b"PAR1 and then nothing".to_vec(), "ads.parquet: not a readable Parquet file"),
        (Vec::new(), "ads.parquet: the file is empty"),
        (vec![0, 1, 2], "ads.parquet: not a readable Parquet file: it does not begin with PAR1"),
    ] {
        let error = refusal("ads.parquet", bytes);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_error_of_a_damaged_page_names_row_and_column() {
    // A byte of the text is overwritten; the footer still declares UTF-8.
    let text = "unmistakable title";
    let mut bytes = two_rows("job_title", Arc::new(StringArray::from(vec!["fine", text])));
    let index = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[index + 3] = 0xff;
    let error = refusal("ads.parquet", bytes);
    assert!(error.starts_with("ads.parquet: row "), "{error}");
    assert!(error.contains("column job_title: cannot be read"), "{error}");
}

#[test]
fn files_that_cannot_be_opened_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("none.csv")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("none.csv"), "{missing}");
    fs::create_dir(folder.path().join("folder.csv")).unwrap();
    let error = read(&folder.path().join("folder.csv")).unwrap_err();
    assert!(error.to_string().contains("found a folder"), "{error}");
}

#[test]
fn the_size_of_batches_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let title = "x".repeat(1 << 20);
    let row =
        format!(r#"{{"source":"MCF","job_id":"1","scrape_timestamp":"2025-01-01","job_title":"{title}"}}"#);
    let path = file(folder.path(), "ads.ndjson", [row.as_str(); 12].join("\n"));
    let sizes: Vec<usize> =
        reader::open(&path, &Arc::default()).unwrap().map(|batch| batch.unwrap().len()).collect();
    assert_eq!(sizes, [4, 4, 4]);
    let titles: ArrayRef = Arc::new(StringArray::from_iter_values((0..12).map(|n| format!("{n}{title}"))));
    let twelve = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; 12])) };
    let path = file(
        folder.path(),
        "ads.parquet",
        parquet(vec![
            ("source", twelve("MCF")),
            ("job_id", twelve("1")),
            ("scrape_timestamp", twelve("2025-01-01")),
            ("job_title", titles),
        ]),
    );
    let sizes: Vec<usize> =
        reader::open(&path, &Arc::default()).unwrap().map(|batch| batch.unwrap().len()).collect();
    assert!(sizes.len() >= 3 && sizes.iter().sum::<usize>() == 12, "{sizes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_loaded_or_rejected_without_panicking(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let text = if header { [HEADER.as_bytes(), b"\n", &bytes].concat() } else { bytes.clone() };
        for (name, bytes) in [("a.csv", &text), ("a.ndjson", &bytes), ("a.parquet", &bytes)] {
            if let Err(error) = read(&file(folder.path(), name, bytes)) {
                prop_assert!(!error.chain().contains('\n'));
            }
        }
        drop(File::open(folder.path()));
    }
}
