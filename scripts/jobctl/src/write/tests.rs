//! Round trips through every format, and atomic replacement of files.

use std::fs;
use std::path::Path;

use chrono::DateTime;
use common::job::JobAd;
use proptest::prelude::*;

use super::*;
use crate::{columns, load};

fn write(path: &Path, ads: &[JobAd]) {
    let mut file = RowFile::create(path, &columns::query_columns()).unwrap();
    for page in ads.chunks(3) {
        file.write(&page.iter().cloned().map(columns::cells).collect::<Vec<_>>()).unwrap();
    }
    file.finish().unwrap();
}

fn ads() -> impl Strategy<Value = Vec<JobAd>> {
    let text = || {
        proptest::option::of(prop_oneof![Just(String::new()), "(?s).{0,30}", Just("a,\"b\"\r\nc".to_owned())])
    };
    let moment = || {
        (-62_135_596_800_000_000i64..253_402_300_800_000_000)
            .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
    };
    let pay = || proptest::option::of(0.0..1e300f64);
    let ad = (text(), text(), moment(), proptest::option::of(moment()), pay(), "(?s).{0,9}").prop_map(
        |(title, company, scraped, posted, pay, id)| JobAd {
            source: "MCF".to_owned(),
            job_id: format!("x{id}"),
            scrape_timestamp: scraped,
            job_title: title.clone(),
            job_description: title.map(|title| title.repeat(3)),
            job_posted_timestamp: posted,
            job_salary_min_sgd_monthly: pay,
            job_salary_max_sgd_raw: pay.map(|pay| pay / 3.0),
            company_name: company,
            ..JobAd::default()
        },
    );
    proptest::collection::vec(ad, 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ads_round_trip_through_every_format(ads in ads()) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ads.parquet", "ads.ndjson"] {
            let path = folder.path().join(name);
            write(&path, &ads);
            prop_assert_eq!(&load::read_all(&path).unwrap(), &ads, "{}", name);
        }
        // CSV has no NULL: a missing text comes back as '', and every other value unchanged.
        let path = folder.path().join("ads.csv");
        write(&path, &ads);
        let with_empty_texts = ads.iter().cloned().map(columns::null_texts_to_empty).collect::<Vec<_>>();
        prop_assert_eq!(load::read_all(&path).unwrap(), with_empty_texts);
    }
}

#[test]
fn every_type_of_cell_is_written_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<(String, ColumnType)> = [
        ("b", ColumnType::Bool),
        ("i", ColumnType::Int),
        ("f", ColumnType::Float),
        ("t", ColumnType::Text),
        ("m", ColumnType::Timestamp),
        ("v", ColumnType::Vector),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .to_vec();
    let full = vec![
        Cell::Bool(true),
        Cell::Int(-7),
        Cell::Float(0.1),
        Cell::Text("a,b".to_owned()),
        Cell::Timestamp(DateTime::from_timestamp_micros(1).unwrap()),
        Cell::Vector(vec![0.1, -1.0]),
    ];
    let empty = vec![Cell::Null; 6];
    let content = |name: &str| {
        let path = folder.path().join(name);
        let mut file = RowFile::create(&path, &columns).unwrap();
        file.write(&[full.clone(), empty.clone()]).unwrap();
        file.finish().unwrap();
        fs::read(path).unwrap()
    };
    assert_eq!(
        String::from_utf8(content("all.csv")).unwrap(),
        "b,i,f,t,m,v\ntrue,-7,0.1,\"a,b\",1970-01-01T00:00:00.000001Z,\"[0.1,-1]\"\n,,,,,\n"
    );
    assert_eq!(
        String::from_utf8(content("all.ndjson")).unwrap(),
        concat!(
            r#"{"b":true,"i":-7,"f":0.1,"t":"a,b","m":"1970-01-01T00:00:00.000001Z","v":[0.1,-1.0]}"#,
            "\n",
            r#"{"b":null,"i":null,"f":null,"t":null,"m":null,"v":null}"#,
            "\n"
        )
    );
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new({
        content("all.parquet");
        File::open(folder.path().join("all.parquet")).unwrap()
    })
    .unwrap();
    let types: Vec<String> =
        reader.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types[..4], ["Boolean", "Int64", "Float64", "Utf8"]);
    assert!(types[4].contains("UTC") && types[5].contains("Float32"), "{types:?}");
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    assert!(batch.columns().iter().all(|column| column.null_count() == 1));
}

#[test]
fn a_list_of_objects_is_json_with_any_number_of_rows() {
    for rows in [0, 1, 2] {
        let mut text = Vec::new();
        let columns = [("n".to_owned(), ColumnType::Int)];
        let mut json = Box::new(JsonRows::new(&mut text, &columns, Layout::List));
        json.write(&vec![vec![Cell::Int(1)]; rows]).unwrap();
        json.finish().unwrap();
        let list: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(list.len(), rows);
    }
}

#[test]
fn an_unfinished_file_is_removed_and_an_existing_one_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ads.ndjson");
    fs::write(&path, "old").unwrap();
    let mut file = RowFile::create(&path, &columns::query_columns()).unwrap();
    file.write(&[columns::cells(JobAd::default())]).unwrap();
    drop(file);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn invalid_paths_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let columns = columns::query_columns();
    let refusal = |path: &Path| RowFile::create(path, &columns).err().unwrap().to_string();
    assert!(refusal(&folder.path().join("none/ads.csv")).contains("none not found"));
    assert!(refusal(&folder.path().join("ads.xlsx")).contains("expected the extension .parquet"));
    fs::create_dir(folder.path().join("folder.csv")).unwrap();
    assert!(refusal(&folder.path().join("folder.csv")).contains("found a folder"));
}

#[cfg(unix)]
#[test]
fn permissions_of_files_follow_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ads.csv"), folder.path().join("plain"));
    write(&ours, &[]);
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}
