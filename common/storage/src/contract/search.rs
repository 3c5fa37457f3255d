//! Contract of searches: their results equal those of an exhaustive search in memory.

use common_core::ErrorKind;
use common_core::fold::fold_name;
use common_core::job::{ContentHash, JobAd, JobFilter, JobKey};

use super::{SPACE, append, moment};
use crate::warehouse::{
    EmbeddingRow, EmbeddingTable, FilterColumns, VectorHit, VectorIndexKind, VectorIndexState, VectorQuery,
    Warehouse,
};

const DIMENSION: usize = 16;
const ADS: usize = 200;

/// Values with special characters of SQL, of JSON and of patterns.
const LOCATIONS: [Option<&str>; 6] =
    [Some("Jurong East"), Some("O'Brien's \"Hub\""), Some("100% remote_\\"), Some(""), None, Some("Zürich")];
/// Another spelling of the last of [`LOCATIONS`], in every other row.
const ALSO_ZURICH: &str = "\u{a0}ＺU\u{308}RICH ";
const COMPANIES: [Option<&str>; 4] =
    [Some("Ümlaut & Co"), Some("50% Off's, \"Pte\" Ltd"), None, Some(super::COMPANY)];

struct Market {
    rows: Vec<EmbeddingRow>,
    companies: Vec<Option<&'static str>>,
}

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/search", DIMENSION)
}

/// A pseudo-random vector, determined by the seed.
fn vector(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..DIMENSION).map(|_| next()).collect()
}

fn pick<T: Copy>(values: &[T], n: usize) -> T {
    values[n % values.len()]
}

fn row(n: usize) -> EmbeddingRow {
    // Every twentieth ad has the vector of the ad before, so that similarities tie.
    let seed = if n % 20 == 19 { n - 1 } else { n };
    let text = |text: Option<&str>| text.map(str::to_owned);
    EmbeddingRow {
        key: JobKey { source: pick(&["MCF", "LionJobs"], n / 7).into(), job_id: format!("{:03}", ADS - n) },
        embedding: vector(seed as u64),
        model_name: "model".into(),
        created_at: moment(0),
        embedding_space: SPACE.into(),
        model_version: "version".into(),
        content_hash: ContentHash::of(&seed.to_string()),
        filters: FilterColumns {
            job_location: text(pick(&LOCATIONS, n).map(|place| {
                let is_other = place == "Zürich" && !(n / LOCATIONS.len()).is_multiple_of(2);
                if is_other { ALSO_ZURICH } else { place }
            })),
            job_classification: text(pick(&[Some("Sales"), Some("sales "), Some("SALES"), None], n / 3)),
            job_work_type: text(pick(&[Some("Full-time"), Some("Part-time")], n / 5)),
            job_posted_timestamp: (!n.is_multiple_of(9)).then(|| moment(i64::try_from(n).unwrap())),
            salary_mid: (!n.is_multiple_of(8)).then_some(2000.0 + 10.5 * n as f64),
        },
    }
}

impl Market {
    async fn open(warehouse: &dyn Warehouse) -> Self {
        warehouse.create_embeddings(&table()).await.unwrap();
        let rows: Vec<EmbeddingRow> = (0..ADS).map(row).collect();
        let companies: Vec<_> = (0..ADS).map(|n| pick(&COMPANIES, n)).collect();
        let sighting = |n: usize, company: Option<&str>, at| JobAd {
            source: rows[n].key.source.clone(),
            job_id: rows[n].key.job_id.clone(),
            scrape_timestamp: moment(at),
            company_name: company.map(str::to_owned),
            ..JobAd::default()
        };
        let now = (0..ADS).map(|n| sighting(n, companies[n], 10));
        // Earlier sightings have another company.
        let before = (0..ADS).map(|n| sighting(n, pick(&COMPANIES, n + 1), 5));
        append(warehouse, vec![Ok(now.collect()), Ok(before.collect())]).await.unwrap();
        let foreign = EmbeddingRow {
            key: JobKey { source: "MCF".into(), job_id: "foreign".into() },
            embedding_space: "another/space".into(),
            ..row(0)
        };
        let all = [rows.as_slice(), &[foreign]].concat();
        warehouse.merge_embeddings(&table(), all).await.unwrap();
        Self { rows, companies }
    }

    /// The expected results, by an exhaustive search.
    fn expected(&self, query: &VectorQuery) -> Vec<VectorHit> {
        let filter = &query.filter;
        let has = |wanted: &[String], value: Option<&str>| {
            let is = |wanted: &String| Some(fold_name(wanted)) == value.map(fold_name);
            wanted.is_empty() || wanted.iter().any(is)
        };
        let passes = |row: &EmbeddingRow, company: Option<&str>| {
            let FilterColumns { job_location, job_classification, job_work_type, .. } = &row.filters;
            has(&filter.source, Some(&row.key.source))
                && has(&filter.location, job_location.as_deref())
                && has(&filter.classification, job_classification.as_deref())
                && has(&filter.work_type, job_work_type.as_deref())
                && has(&filter.company, company)
                && filter.salary_min_sgd_per_month.is_none_or(|min| row.filters.salary_mid >= Some(min))
                && filter.posted_after.is_none_or(|min| row.filters.job_posted_timestamp >= Some(min))
        };
        let mut hits: Vec<VectorHit> = (self.rows.iter().zip(&self.companies))
            .filter(|(row, company)| passes(row, **company))
            .map(|(row, _)| VectorHit {
                key: row.key.clone(),
                content_hash: row.content_hash,
                similarity: cosine(&row.embedding, &query.vector),
            })
            .filter(|hit| query.min_similarity.is_none_or(|min| hit.similarity >= min))
            .collect();
        hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.key.cmp(&b.key)));
        hits.truncate(query.top_k);
        hits
    }

    /// Panics unless the warehouse returns the expected results, at least `least` ads.
    async fn check(&self, warehouse: &dyn Warehouse, query: &VectorQuery, least: usize) {
        let expected = self.expected(query);
        assert!(expected.len() >= least, "{query:?} finds too few ads: {expected:?}");
        let found = warehouse.search_embeddings(&table(), SPACE, query).await.unwrap();
        let names = |hits: &[VectorHit]| -> Vec<_> {
            hits.iter().map(|hit| (hit.key.to_string(), hit.content_hash)).collect()
        };
        assert_eq!(names(&found), names(&expected), "{query:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found.similarity - expected.similarity).abs() < 1e-6, "{found:?}, {expected:?}");
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn query(seed: u64, top_k: usize, filter: JobFilter) -> VectorQuery {
    VectorQuery { vector: vector(seed), top_k, filter, min_similarity: None }
}

/// Tests the searches that use a vector index if there is one, on `warehouse`, which must be empty. The rows are
/// too few for an index, so the searches are exact.
pub async fn vector_search(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    let market = Market::open(warehouse).await;
    let all = JobFilter::default();
    for seed in 1000..1003 {
        market.check(warehouse, &query(seed, 10, all.clone()), 10).await;
    }
    market.check(warehouse, &query(18, 3, all.clone()), 3).await;
    market.check(warehouse, &query(1003, ADS + 50, all.clone()), ADS).await;
    let near = VectorQuery { min_similarity: Some(0.3), ..query(1004, ADS, all.clone()) };
    market.check(warehouse, &near, 5).await;
    for location in LOCATIONS.into_iter().flatten() {
        let filter = JobFilter { location: texts(&[&location.to_uppercase()]), ..all.clone() };
        market.check(warehouse, &query(1005, 20, filter), 20).await;
    }
    for zurich in ["zurich", "ZÜRICH", " Zurich\u{3000}", ALSO_ZURICH] {
        let filter = JobFilter { location: texts(&[zurich]), ..all.clone() };
        market.check(warehouse, &query(1005, ADS, filter), 33).await;
    }
    let odd = ["%", "_", "100%%", "' OR '1'='1", "[]", "Jurong East\", \"Zürich", "\u{0}", "\u{1f}"];
    let filter = JobFilter { location: texts(&odd), ..all.clone() };
    market.check(warehouse, &query(1006, 5, filter), 0).await;
    let narrow = JobFilter {
        source: texts(&["mcf", "nobody"]),
        location: texts(&["jurong east", "O'BRIEN'S \"HUB\"", "zürich"]),
        classification: texts(&["Sales"]),
        work_type: texts(&["FULL-TIME"]),
        salary_min_sgd_per_month: Some(2000.0 + 10.5 * 30.0),
        posted_after: Some(moment(31)),
        ..JobFilter::default()
    };
    market.check(warehouse, &query(1007, 50, narrow), 5).await;
    assert!(
        warehouse.search_embeddings(&table(), SPACE, &query(1, 0, all.clone())).await.unwrap().is_empty()
    );
    a_search_leaves_out_what_was_taken_down(warehouse, market).await;
    let nowhere = EmbeddingTable { name: "job_embeddings_absent".into(), ..table() };
    assert!(warehouse.search_embeddings(&nowhere, SPACE, &query(1, 5, all)).await.unwrap().is_empty());
}

async fn a_search_leaves_out_what_was_taken_down(warehouse: &dyn Warehouse, mut market: Market) {
    let gone = market.rows.swap_remove(3);
    market.companies.swap_remove(3);
    warehouse.forget(std::slice::from_ref(&gone.key)).await.unwrap();
    // A run that had read the ad before the takedown writes its row again.
    warehouse.merge_embeddings(&table(), vec![gone.clone()]).await.unwrap();
    // Asks for all ads: a vector index would select the nearest before ads are left out.
    let query = VectorQuery { vector: gone.embedding.clone(), ..query(0, ADS, JobFilter::default()) };
    market.check(warehouse, &query, ADS - 1).await;
    warehouse.undo_forget(&[gone.key]).await.unwrap();
    assert_eq!(warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap().len(), ADS);
}

/// Tests the searches that need no vector index.
pub(super) async fn suite(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    let market = Market::open(warehouse).await;
    searches_by_company_use_the_latest_sighting(warehouse, &market).await;
    a_query_that_cannot_be_answered_is_refused(warehouse).await;
    few_rows_need_no_vector_index(warehouse).await;
}

async fn searches_by_company_use_the_latest_sighting(warehouse: &dyn Warehouse, market: &Market) {
    for company in COMPANIES.into_iter().flatten() {
        let asked = format!(" {}\u{a0}", company.to_uppercase().replace('Ü', "u"));
        let filter = JobFilter { company: texts(&[&asked]), ..JobFilter::default() };
        market.check(warehouse, &query(2000, 30, filter), 30).await;
    }
    let narrow = JobFilter {
        source: texts(&["lionjobs"]),
        location: texts(&["100% REMOTE_\\", ""]),
        work_type: texts(&["part-time"]),
        salary_min_sgd_per_month: Some(2300.0),
        posted_after: Some(moment(20)),
        company: texts(&["ümlaut & co", "50% off's, \"pte\" ltd", "new ltd"]),
        ..JobFilter::default()
    };
    let near = VectorQuery { min_similarity: Some(-0.5), ..query(2001, 50, narrow) };
    market.check(warehouse, &near, 3).await;
    let nobody = JobFilter { company: texts(&["%", "", "' OR ''='"]), ..JobFilter::default() };
    market.check(warehouse, &query(2002, 5, nobody), 0).await;
}

async fn a_query_that_cannot_be_answered_is_refused(warehouse: &dyn Warehouse) {
    for vector in [vec![0.5; DIMENSION + 1], Vec::new(), vec![0.0; DIMENSION], vec![f32::NAN; DIMENSION]] {
        let query = VectorQuery { vector, top_k: 5, ..VectorQuery::default() };
        let error = warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain());
        assert!(error.to_string().contains("vector"), "{error}");
    }
    let filter = JobFilter { cluster: texts(&["1"]), ..JobFilter::default() };
    let query = VectorQuery { vector: vec![0.5; DIMENSION], top_k: 5, filter, min_similarity: None };
    let error = warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain());
    assert!(error.to_string().contains("filter by cluster"), "{error}");
}

async fn few_rows_need_no_vector_index(warehouse: &dyn Warehouse) {
    for kind in [VectorIndexKind::Ivf, VectorIndexKind::TreeAh] {
        let state = warehouse.refresh_vector_index(&table(), kind).await.unwrap();
        let none = [VectorIndexState::None, VectorIndexState::TooFewRows { rows: 201, needed: 5_000 }];
        assert!(none.contains(&state), "{state:?}");
    }
}
