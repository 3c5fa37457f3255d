//! Contract of [`crate::warehouse::Features`].

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimestampMicrosecondType};
use chrono::DateTime;
use common_core::Error;
use common_core::job::{JobAd, JobKey, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};

use super::{SPACE, append, count, key, moment, row, rows};
use crate::warehouse::{
    Cell, EmbeddingRow, EmbeddingTable, FEATURE_CHARS, FeatureCount, FeatureRow, FeatureSet, Warehouse,
};

pub(super) async fn suite(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    the_view_and_the_scan_have_the_same_ads(warehouse).await;
    columns_of_the_view_are_derived_from_the_latest_sighting(warehouse).await;
    features_are_replaced_as_a_whole(warehouse).await;
}

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/features", 3)
}

fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn seen(job_id: &str) -> JobAd {
    JobAd {
        source: "MCF".into(),
        job_id: job_id.into(),
        scrape_timestamp: moment(0),
        job_title: Some(job_id.into()),
        ..JobAd::default()
    }
}

/// An ad with every value, and texts that are too long.
fn full() -> JobAd {
    let text = |text: &str| Some(text.to_owned());
    JobAd {
        scrape_timestamp: at("2023-11-20T08:00:00.000001Z"),
        job_title: text("Pâtissier \u{1f469}\u{200d}\u{1f373} $5,000"),
        job_description: Some("é".repeat(FEATURE_CHARS + 9)),
        job_location: text("Jurong \"East\""),
        job_classification: text("Hospitality & 'Tourism'"),
        job_work_type: text("Full-time"),
        job_salary_min_sgd_monthly: Some(5000.5),
        job_salary_max_sgd_monthly: Some(4000.0),
        job_currency: text("S$"),
        // A Friday, and a Saturday in Singapore.
        job_posted_timestamp: Some(at("2023-11-17T20:00:00Z")),
        company_id: text("C1"),
        company_name: text("Ümlaut % Co_"),
        company_industry: text(""),
        company_size: text("51-200"),
        ..seen("full")
    }
}

fn in_space(space: &str, row: EmbeddingRow) -> EmbeddingRow {
    EmbeddingRow { embedding_space: space.into(), ..row }
}

/// The value of a column as a query returns it.
fn cell(batch: &RecordBatch, column: &str, row: usize) -> Cell {
    let array = batch.column_by_name(column).unwrap();
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Cell::Timestamp(DateTime::from_timestamp_micros(micros).unwrap())
        }
        _ => Cell::Vector(
            array.as_fixed_size_list().value(row).as_primitive::<Float32Type>().values().to_vec(),
        ),
    }
}

/// A cell of the view as the scan returns it: texts are cut, and BigQuery has no NULL in place of an array.
fn scanned(cell: Cell) -> Cell {
    match cell {
        Cell::Text(text) => Cell::Text(text.chars().take(FEATURE_CHARS).collect()),
        Cell::Vector(vector) if vector.is_empty() => Cell::Null,
        other => other,
    }
}

async fn the_view_and_the_scan_have_the_same_ads(warehouse: &dyn Warehouse) {
    let scan = async || -> Vec<RecordBatch> {
        warehouse.scan_features(&table(), SPACE).try_collect().await.unwrap()
    };
    let counted = async || warehouse.count_features(&table(), SPACE).await.unwrap();
    assert!(scan().await.is_empty());
    assert_eq!(counted().await, FeatureCount::default());

    let earlier = JobAd { scrape_timestamp: moment(-9), job_title: Some("Cook".into()), ..seen("full") };
    let paid = JobAd {
        job_salary_min_sgd_monthly: Some(f64::NAN),
        job_salary_max_sgd_monthly: Some(3000.0),
        job_currency: Some("GBP".into()),
        job_posted_timestamp: Some(at("1965-01-04T15:59:59Z")),
        ..seen("paid")
    };
    let unpaid = JobAd {
        job_salary_min_sgd_monthly: Some(-1.0),
        job_salary_max_sgd_monthly: Some(f64::INFINITY),
        job_title: None,
        ..seen("unpaid")
    };
    let ads = vec![full(), earlier, paid, unpaid, seen("unembedded"), seen("elsewhere"), seen("gone")];
    append(warehouse, vec![Ok(ads)]).await.unwrap();
    assert_eq!(counted().await, FeatureCount { without_embedding: 6, ..FeatureCount::default() });
    assert!(scan().await.is_empty());

    warehouse.create_embeddings(&table()).await.unwrap();
    warehouse.create_embeddings(&table()).await.unwrap();
    let exact = [f32::MIN_POSITIVE / 4.0, -0.0, 0.1 + 0.2];
    let plain = ["full", "paid", "unpaid", "gone", "vanished"].map(|id| row(id, id, [1.0, 0.0, 0.0], 1));
    let elsewhere = in_space("another/space", row("elsewhere", "x", exact, 1));
    warehouse.merge_embeddings(&table(), [plain.as_slice(), &[elsewhere]].concat()).await.unwrap();
    let of_another_space = in_space("another/space", row("paid", "paid", exact, 1));
    let masked = vec![row("full", "masked", exact, 1), row("gone", "masked", exact, 1), of_another_space];
    warehouse.merge_embeddings(&table().masked(), masked).await.unwrap();
    let gone = warehouse.forget(&[key("gone")]).await.unwrap();
    let masked_rows = gone.iter().find(|gone| gone.table == table().masked().name).map(|gone| gone.rows);
    assert_eq!(masked_rows, Some(1));
    warehouse.merge_embeddings(&table(), vec![row("gone", "gone", exact, 1)]).await.unwrap();

    assert_eq!(counted().await, FeatureCount { ads: 3, with_salary: 2, without_embedding: 2 });
    let batches = scan().await;
    let columns: Vec<String> =
        batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut found: Vec<Vec<Cell>> = batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)))
        .map(|(batch, row)| columns.iter().map(|column| cell(batch, column, row)).collect())
        .collect();
    found.sort_by_key(|row: &Vec<Cell>| format!("{:?}", row[1]));
    let sql = format!(
        "SELECT {} FROM {} WHERE embedding_space = '{SPACE}' ORDER BY source, job_id",
        columns.join(", "),
        table().features_view()
    );
    let shown: Vec<Vec<Cell>> =
        rows(warehouse, &sql).await.into_iter().map(|row| row.into_iter().map(scanned).collect()).collect();
    assert_eq!(found.len(), 3);
    for (found, shown) in found.iter().zip(&shown) {
        for ((column, found), shown) in columns.iter().zip(found).zip(shown) {
            assert_eq!(found, shown, "{column}");
        }
    }
    let Some(Cell::Vector(back)) = found[0].last() else { panic!("{:?}", found[0].last()) };
    assert_eq!(back.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), exact.map(f32::to_bits));
    // The vector of another space is not that of this ad's text.
    assert_eq!(found[1].last(), Some(&Cell::Null));
}

async fn columns_of_the_view_are_derived_from_the_latest_sighting(warehouse: &dyn Warehouse) {
    let sql = format!(
        "SELECT job_id, salary_min, salary_max, salary_mid, salary_range, age_when_seen_days, description_length, \
         title_length, is_weekend_post, embedding_space FROM {} ORDER BY job_id",
        table().features_view()
    );
    let text = |text: &str| Cell::Text(text.to_owned());
    let (number, long, none) =
        (Cell::Float, Cell::Int(i64::try_from(FEATURE_CHARS).unwrap() + 9), Cell::Null);
    // 60 hours and a microsecond.
    let age = 216_000_000_001.0 / 86_400_000_000.0;
    let old = (moment(0) - at("1965-01-04T15:59:59Z")).num_microseconds().unwrap() as f64 / 86_400_000_000.0;
    let without = |id: &str, length, space| {
        let mut row = vec![text(id)];
        row.extend(vec![Cell::Null; 5]);
        row.extend([Cell::Int(0), Cell::Int(length), Cell::Null, space]);
        row
    };
    let pay = [5000.5, 4000.0, 4500.25, 1000.5].map(number);
    let full = [
        vec![text("full")],
        pay.to_vec(),
        vec![number(age), long, Cell::Int(20), Cell::Bool(true), text(SPACE)],
    ];
    let paid = [
        vec![text("paid"), none.clone(), number(3000.0), number(3000.0), none, number(old)],
        vec![Cell::Int(0), Cell::Int(4), Cell::Bool(false), text(SPACE)],
    ];
    assert_eq!(
        rows(warehouse, &sql).await,
        [
            without("elsewhere", 9, text("another/space")),
            full.concat(),
            paid.concat(),
            without("unembedded", 10, Cell::Null),
            without("unpaid", 0, text(SPACE)),
        ]
    );
}

async fn features_are_replaced_as_a_whole(warehouse: &dyn Warehouse) {
    let set = |schema: &str| FeatureSet { as_of: moment(5), feature_schema: schema.into() };
    let features =
        |job_id: &str, features: &[f64]| FeatureRow { key: key(job_id), features: features.to_vec() };
    let write = async |schema: &str, pages: Vec<common_core::Result<Vec<FeatureRow>>>| {
        warehouse.write_features(set(schema), stream::iter(pages).boxed()).await
    };
    let stored = async || {
        rows(warehouse, "SELECT job_id, as_of, feature_schema, features FROM ml_features ORDER BY job_id")
            .await
    };
    let first = vec![Ok(vec![features("full", &[0.1, -0.0])]), Ok(vec![features("other", &[1.0, 2.0])])];
    assert_eq!(write("first", first).await.unwrap(), 2);
    // An ad that was taken down has no features.
    let second = || vec![Ok(vec![features("paid", &[f64::MAX, 0.1]), features("gone", &[1.0, 1.0])])];
    for _ in 0..2 {
        assert_eq!(write("second", second()).await.unwrap(), 1);
        let doubles = Cell::Doubles(vec![Some(f64::MAX), Some(0.1)]);
        let row =
            vec![Cell::Text("paid".into()), Cell::Timestamp(moment(5)), Cell::Text("second".into()), doubles];
        assert_eq!(stored().await, [row]);
    }
    let broken = vec![Ok(vec![features("full", &[1.0])]), Err(Error::internal("broken"))];
    assert!(write("third", broken).await.is_err());
    assert_eq!(stored().await.len(), 1, "a failed write changed the table");
    let forgotten =
        warehouse.forget(&[JobKey { source: "MCF".into(), job_id: "paid".into() }]).await.unwrap();
    assert_eq!(forgotten.iter().find(|gone| gone.table == "ml_features").map(|gone| gone.rows), Some(1));
    assert_eq!(write("empty", vec![]).await.unwrap(), 0);
    assert_eq!(count(warehouse, "ml_features").await, 0);
}
