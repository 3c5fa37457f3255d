//! The reader with `--map`, `--set`, `--preset` and `--bad-cells`, and with 96-bit timestamps.

use std::fs;
use std::sync::Arc;

use common::job::JobAd;
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::reader;
use super::recipe::Recipe;
use super::rules::Rule;
use crate::timestamp;

fn load(bytes: impl AsRef<[u8]>, flags: &[&str]) -> Result<(Vec<JobAd>, reader::Reader), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ads");
    fs::write(&path, bytes).unwrap();
    let recipe = Arc::new(Recipe::of_flags(flags).map_err(|error| error.chain())?);
    let message = |error: common::Error| error.chain().replace(&format!("{}/", folder.path().display()), "");
    let mut reader = reader::open(&path, &recipe).map_err(message)?;
    let batches: common::Result<Vec<Vec<JobAd>>> = reader.by_ref().collect();
    Ok((batches.map_err(message)?.concat(), reader))
}

const JOBSPY: &str = "\
id,site,job_url,job_url_direct,title,company,location,date_posted,job_type,salary_source,interval,min_amount,max_amount,currency,is_remote,job_level,job_function,listing_type,emails,description,company_industry,company_url,company_logo,company_url_direct,company_addresses,company_num_employees,company_revenue,company_description
in-1,indeed,https://x.test/1,,Cook,Inn,\"Singapore, SG\",2026-06-10,fulltime,direct_data,yearly,60000.0,72000.0,SGD,False,,,,,Fries,Food,,,,,\"11 to 50\",,We cook
li-2,linkedin,https://x.test/2,https://d.test/2,Nurse,,,,,,hourly,30,,USD,True,,Health,,,Wards,,,,,,,,
go-3,google,https://x.test/3,,Welder,,,2026-06-11,,,fortnightly,900,,SGD,,,,,,Ships,,,,,,,,
";

#[test]
fn jobspy_loads_with_its_preset() {
    let (ads, reader) = load(JOBSPY, &["--preset", "jobspy"]).unwrap();
    let now = timestamp::parse("2026-11-25 12:00:00").unwrap();
    assert_eq!((ads[0].source.as_str(), ads[0].job_id.as_str()), ("indeed", "in-1"));
    assert_eq!(
        (ads[0].job_title.as_deref(), ads[0].company_size.as_deref()),
        (Some("Cook"), Some("11 to 50"))
    );
    assert_eq!(
        (ads[0].job_salary_min_sgd_raw, ads[0].job_salary_min_sgd_monthly),
        (Some(60_000.0), Some(5_000.0))
    );
    assert_eq!((ads[0].job_posted_timestamp, ads[0].scrape_timestamp), (timestamp::parse("2026-06-10"), now));
    assert_eq!(
        (ads[1].job_salary_min_sgd_monthly, ads[1].job_classification.as_deref()),
        (Some(5_200.0), Some("Health"))
    );
    assert_eq!((ads[2].job_salary_min_sgd_raw, ads[2].job_salary_min_sgd_monthly), (Some(900.0), None));
    let uses = [Rule::Yearly, Rule::Hourly, Rule::UnknownInterval].map(|rule| reader.tally().uses(rule));
    assert_eq!(uses, [1, 1, 1]);
    let notes = reader.notes();
    assert!(
        notes.read_as[0].starts_with("scrape_timestamp is 2026-11-25T12:00:00Z, the time of loading"),
        "{notes:?}"
    );
    assert!(!notes.absent.contains(&"job_salary_min_sgd_monthly"), "{notes:?}");
    assert!(notes.ignored.contains(&"is_remote".to_owned()) && !notes.ignored.contains(&"site".to_owned()));
    // Flags take precedence over the preset.
    let flags =
        ["--preset", "jobspy", "--set", "scrape_timestamp=2026-06-12 08:00", "--map", "title=company_name"];
    let (ads, _) = load(JOBSPY, &flags).unwrap();
    assert_eq!(ads[0].scrape_timestamp, timestamp::parse("2026-06-12T08:00:00Z").unwrap());
    assert_eq!(ads[0].company_name.as_deref(), Some("Cook"));
}

#[test]
fn errors_about_missing_columns_suggest_flags() {
    let error = load(JOBSPY, &[]).map(drop).unwrap_err();
    for part in [
        "ads: missing columns source, scrape_timestamp and job_id; unknown columns: id, site,",
        "this looks like JobSpy's CSV: load it with --preset jobspy; or load it with --map site=source --set \
         scrape_timestamp=2025-01-31T09:30:00Z (when it was scraped) --map id=job_id --map title=job_title",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = load(MCF, &[]).map(drop).unwrap_err();
    assert!(
        error.contains("this looks like MyCareersFuture's API: load it with --preset mycareersfuture"),
        "{error}"
    );
}

const MCF: &str = r#"{"results": [
  {"uuid": "a", "title": "Lecturer", "description": "<p>Teach</p>", "minimumYearsExperience": 2,
   "salary": {"minimum": 3000, "maximum": 5000, "type": {"id": 4, "salaryType": "Monthly"}},
   "hiringCompany": null, "postedCompany": {"uen": "201500001A", "name": "Acme", "employeeCount": 40},
   "metadata": {"jobPostId": "MCF-2025-0000001", "newPostingDate": "2025-05-25", "updatedAt": "2025-05-25T01:02:03.000Z",
                "jobDetailsUrl": "https://x.test/1"},
   "address": {"districts": [{"id": 1, "location": "D01", "region": "Central"}]},
   "employmentTypes": [{"id": 7, "employmentType": "Permanent"}, {"id": 8, "employmentType": "Full Time"}],
   "categories": [{"id": 1, "category": "Education"}, {"id": 2, "category": "Training"}]},
  {"uuid": "b", "title": "Tutor", "metadata": {"jobPostId": "MCF-2025-0000002", "originalPostingDate": "2025-05-26"},
   "hiringCompany": {"name": "Beta"}, "postedCompany": {"name": "Agency"},
   "salary": {"minimum": 48000, "maximum": 60000, "type": {"salaryType": "Annually"}}}
], "total": 2}"#;

#[test]
fn mycareersfuture_loads_with_its_preset() {
    let (ads, reader) = load(MCF, &["--preset", "mycareersfuture"]).unwrap();
    let ad = &ads[0];
    assert_eq!((ad.source.as_str(), ad.job_id.as_str()), ("MCF", "MCF-2025-0000001"));
    for (found, expected) in [
        (&ad.job_title, "Lecturer"),
        (&ad.job_description, "<p>Teach</p>"),
        (&ad.job_url, "https://x.test/1"),
        (&ad.job_location, "Central"),
        (&ad.job_classification, "Education, Training"),
        (&ad.job_work_type, "Permanent, Full Time"),
        (&ad.job_salary_type, "Monthly"),
        (&ad.job_currency, "SGD"),
        (&ad.company_id, "201500001A"),
        (&ad.company_name, "Acme"),
        (&ad.company_size, "40"),
        (&ads[1].company_name, "Beta"),
    ] {
        assert_eq!(found.as_deref(), Some(expected));
    }
    assert_eq!(
        (ad.job_salary_min_sgd_monthly, ad.job_salary_max_sgd_monthly),
        (Some(3_000.0), Some(5_000.0))
    );
    assert_eq!((ads[1].job_salary_min_sgd_monthly, ads[1].job_location.as_deref()), (Some(4_000.0), None));
    assert_eq!(ads[1].job_posted_timestamp, timestamp::parse("2025-05-26"));
    assert!(reader.notes().ignored.contains(&"minimumYearsExperience".to_owned()));
    // The same ads in a list, on separate lines, and as two documents in a list and on two lines.
    let document: serde_json::Value = serde_json::from_str(MCF).unwrap();
    let results = document["results"].as_array().unwrap();
    let lines = format!("{}\n{}\n", results[0], results[1]);
    for text in [
        document["results"].to_string(),
        lines,
        format!("[{document},{document}]"),
        format!("{document}\n{document}"),
    ] {
        let again = load(&text, &["--preset", "mycareersfuture"]).unwrap().0;
        assert!(again == ads || again == [&ads[..], &ads[..]].concat(), "{text}");
    }
}

#[test]
fn bad_cells_are_refused_set_to_null_or_skipped() {
    let text = "source,job_id,scrape_timestamp,job_salary_min_sgd_raw,job_posted_timestamp\n\
                A,1,2025-01-01,3k,2025-01-01\nA,nan,2025-01-01,1,\nA,3,2025-01-01,3,soon\nA,4,2025-01-01,4,\n";
    let error = load(text, &[]).map(drop).unwrap_err();
    let expected = "ads: row 1 (line 2), column job_salary_min_sgd_raw: is \"3k\"; expected a number; or load it with \
                    --bad-cells missing or skip-row";
    assert_eq!(error, expected);
    let error = load(text, &["--bad-cells", "missing"]).map(drop).unwrap_err();
    assert!(error.starts_with("ads: row 2 (line 3), column job_id: is \"nan\""), "{error}");
    let (ads, reader) = load(text, &["--bad-cells", "skip-row"]).unwrap();
    assert_eq!((ads.len(), ads[0].job_id.as_str(), reader.tally().uses(Rule::SkippedRow)), (1, "4", 3));
    let (ads, reader) = load(text.replace("nan", "2"), &["--bad-cells", "missing"]).unwrap();
    assert_eq!((ads.len(), ads[0].job_salary_min_sgd_raw, ads[2].job_posted_timestamp), (4, None, None));
    let shown = reader.tally().render();
    assert!(shown.contains("bad cell missing  2"), "{shown}");
    assert!(
        shown.contains("ads  row 1 (line 2)  job_salary_min_sgd_raw  \"3k\"    bad cell missing"),
        "{shown}"
    );
}

/// A Parquet file with 96-bit timestamps in `job_posted_timestamp`: a Julian day and nanoseconds of the day.
fn int96_file(moments: &[(u32, u64)]) -> Vec<u8> {
    let schema = "message ads { required binary source (UTF8); required binary job_id (UTF8); \
                  required binary scrape_timestamp (UTF8); required int96 job_posted_timestamp; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = ["MCF".to_owned(), String::new(), "2025-01-01".to_owned()];
    for (index, text) in texts.iter().enumerate() {
        let mut column = group.next_column().unwrap().unwrap();
        let cells = (0..moments.len()).map(|row| if index == 1 { format!("{row}") } else { text.clone() });
        let cells: Vec<ByteArray> = cells.map(|cell| cell.as_str().into()).collect();
        column.typed::<ByteArrayType>().write_batch(&cells, None, None).unwrap();
        column.close().unwrap();
    }
    let cells: Vec<Int96> = moments
        .iter()
        .map(|(day, nanos)| {
            let mut cell = Int96::new();
            cell.set_data(*nanos as u32, (*nanos >> 32) as u32, *day);
            cell
        })
        .collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&cells, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn timestamps_of_96_bits_do_not_wrap_around() {
    // Days 1970-01-01, 9999-12-31, 0001-01-01.
    let moments = [(2_440_588, 1_000), (5_373_484, 0), (1_721_426, 43_200_000_000_000)];
    let (ads, _) = load(int96_file(&moments), &[]).unwrap();
    let posted: Vec<String> =
        ads.iter().map(|ad| timestamp::format(&ad.job_posted_timestamp.unwrap())).collect();
    assert_eq!(posted, ["1970-01-01T00:00:00.000001Z", "9999-12-31T00:00:00Z", "0001-01-01T12:00:00Z"]);
    for day in [5_373_485, 1_721_425] {
        let error = load(int96_file(&[(2_440_588, 0), (day, 0)]), &[]).map(drop).unwrap_err();
        assert!(
            error.starts_with("ads: row 2, column job_posted_timestamp: is ")
                && error.contains("years 1 to 9999"),
            "{error}"
        );
    }
}

#[test]
fn words_for_missing_values_fall_through_to_the_next_mapped_column() {
    let csv = "a,b,source,job_id,scrape_timestamp\nN/A,2025-01-31,MCF,1,2025-02-01\n2025-01-30,x,MCF,2,2025-02-01\n,null,MCF,3,2025-02-01\n";
    let flags = ["--map", "a=job_posted_timestamp", "--map", "b=job_posted_timestamp"];
    let (ads, _) = load(csv, &flags).unwrap();
    let posted: Vec<_> = ads.iter().map(|ad| ad.job_posted_timestamp).collect();
    assert_eq!(posted, [timestamp::parse("2025-01-31"), timestamp::parse("2025-01-30"), None]);
    let csv = "a,b,source,scrape_timestamp\nNone,7,MCF,2025-02-01\n";
    let (ads, _) = load(csv, &["--map", "a=job_id", "--map", "b=job_id"]).unwrap();
    assert_eq!(ads[0].job_id, "7");
    // In a text column the word is ordinary text.
    let csv = "a,b,source,job_id,scrape_timestamp\nNone,Cook,MCF,1,2025-02-01\n";
    let (ads, _) = load(csv, &["--map", "a=job_title", "--map", "b=job_title"]).unwrap();
    assert_eq!(ads[0].job_title.as_deref(), Some("None"));
}

#[test]
fn a_preset_with_an_invalid_default_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.toml");
    for (column, value, what) in [
        ("job_posted_timestamp", "01/02/2025", "the order of day and month is ambiguous"),
        ("job_salary_min_sgd_raw", "5k", "expected a number"),
        ("scrape_timestamp", "", "is empty; expected a timestamp in every row"),
    ] {
        fs::write(&path, format!("about = \"mine\"\n[otherwise]\n{column} = \"{value}\"\n")).unwrap();
        let error = load("source,job_id\nMCF,1\n", &["--preset", path.to_str().unwrap()]).err().unwrap();
        assert!(error.contains(&format!("[otherwise] {column} is ")) && error.contains(what), "{error}");
    }
}

#[test]
fn duplicate_members_are_errors() {
    let json = r#"{"source":"MCF","job_id":"1","job_id":"2","scrape_timestamp":"2025-01-31"}"#;
    let error = load(json, &[]).err().unwrap();
    assert!(error.contains("row 1 (line 1)") && error.contains("duplicate member \"job_id\""), "{error}");
}

#[test]
fn errors_do_not_suggest_flags_that_are_given_already() {
    let mcf = r#"{"uuid": "1", "title": "Cook", "metadata": {"jobPostId": "MCF-1"}, "postedCompany": {"name": "Inn"}}"#;
    let preset = ["--preset", "mycareersfuture"];
    let error = load(format!("{{\"jobs\": [{mcf}]}}"), &preset).err().unwrap();
    assert!(error.contains("--rows jobs") && !error.contains("--preset mycareersfuture"), "{error}");
    let error = load("site,title\nindeed,Cook\n", &["--preset", "jobspy"]).err().unwrap();
    assert!(error.contains("job_id") && !error.contains("--map title"), "{error}");
    let error = load("{\"a\": 1}", &["--preset", "./mine.toml"]).err().unwrap();
    assert_eq!(error, "invalid --preset \"./mine.toml\": the file does not exist");
    let ad = r#"{"source":"MCF","job_id":"1","scrape_timestamp":"2025-01-31"}"#;
    let error = load(ad, &["--rows", "data.jobs"]).err().unwrap();
    assert!(
        error.ends_with(
            "invalid --rows \"data.jobs\": expected the path of a list, which no document has there"
        ),
        "{error}"
    );
}

#[test]
fn dates_that_do_not_exist_are_not_called_ambiguous() {
    let load = |posted: &str, flags: &[&str]| {
        let csv = format!("source,job_id,scrape_timestamp,job_posted_timestamp\nMCF,1,2025-02-01,{posted}\n");
        load(csv, flags).err().unwrap()
    };
    for posted in ["2025-02-29", "0000-00-00", "2026-03-19T24:00:00Z", "2026-03-19 08:00 PM"] {
        let error = load(posted, &[]);
        assert!(error.contains("expected a timestamp") && !error.contains("--date-format"), "{error}");
    }
    let error = load("03/04/2026 10:11", &["--date-format", "%d/%m/%Y"]);
    assert!(error.contains("does not match --date-format \"%d/%m/%Y\""), "{error}");
}

#[test]
fn nan_and_infinity_in_json_are_read_as_in_csv() {
    let ad = |pay: &str| {
        format!(
            "{{\"source\":\"MCF\",\"job_id\":\"1\",\"scrape_timestamp\":\"2025-01-31\",\"job_salary_min_sgd_raw\":{pay}}}"
        )
    };
    let (ads, reader) = load(ad("NaN"), &[]).unwrap();
    assert_eq!((ads[0].job_salary_min_sgd_raw, reader.tally().uses(Rule::MissingWord)), (None, 1));
    let error = load(ad("-Infinity"), &[]).err().unwrap();
    assert!(error.contains("expected a finite number"), "{error}");
}
