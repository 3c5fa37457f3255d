//! The statements of `infra/duckdb`.

use ::duckdb::Connection;

use super::catalogue;
use super::errors::Outcome;
use crate::sql::{Template, Values, statements};
use crate::warehouse::{EmbeddingTable, FORGOTTEN_ADS};

statements! {
    "duckdb":
    ADD_COLUMN = "add_column",
    ADD_TOMBSTONES = "add_tombstones",
    ADS_WITH_IDS = "ads_with_ids",
    ALL_ROWS = "all_rows",
    AMONG_KEYS = "among_keys",
    CLEAR_ML_FEATURES = "clear_ml_features",
    COPY_VIEWED_JOBS = "copy_viewed_jobs",
    COUNT_FEATURES = "count_features",
    COUNT_JOBS = "count_jobs",
    COUNT_KEYS = "count_keys",
    COUNT_STATEMENTS = "count_statements",
    CREATE_CLEANED_JOBS = "create_cleaned_jobs",
    CREATE_FORGOTTEN_ADS = "create_forgotten_ads",
    CREATE_JOB_EMBEDDINGS = "create_job_embeddings",
    CREATE_ML_FEATURES = "create_ml_features",
    CREATE_ML_PREDICTIONS = "create_ml_predictions",
    CREATE_ML_RUNS = "create_ml_runs",
    CREATE_VW_LATEST_JOBS = "create_vw_latest_jobs",
    CREATE_VW_ML_FEATURES = "create_vw_ml_features",
    CREATE_VW_PREDICTIONS_LATEST = "create_vw_predictions_latest",
    CREATE_VW_RUNS = "create_vw_runs",
    DELETE_KEYS = "delete_keys",
    EMBEDDING_SPACES = "embedding_spaces",
    END_OF_EMBEDDINGS = "end_of_embeddings",
    END_OF_SIGHTINGS = "end_of_sightings",
    FETCH_DONOR = "fetch_donor",
    FILTER_COMPANIES = "filter_companies",
    FILTER_VALUES = "filter_values",
    FIND_DONORS = "find_donors",
    HAS_RELATION = "has_relation",
    INDEX_STATE = "index_state",
    INSERT_EMBEDDINGS = "insert_embeddings",
    INSERT_NEW_EMBEDDINGS = "insert_new_embeddings",
    INSERT_PREDICTIONS = "insert_predictions",
    KNOWN_TEXTS = "known_texts",
    LATEST_SIGHTINGS = "latest_sightings",
    LIST_COLUMNS = "list_columns",
    LIST_TOMBSTONES = "list_tombstones",
    NO_EMBEDDINGS = "no_embeddings",
    NO_FORGOTTEN_ADS = "no_forgotten_ads",
    OTHER_COLUMNS_HASH = "other_columns_hash",
    PRUNE_EMBEDDINGS = "prune_embeddings",
    RECORD_RUN = "record_run",
    REPLACE_EMBEDDINGS = "replace_embeddings",
    REPLACE_PREDICTIONS = "replace_predictions",
    RUNNING_RUNS = "running_runs",
    SCAN_ADS = "scan_ads",
    SCAN_EMBEDDINGS = "scan_embeddings",
    SCAN_FEATURES = "scan_features",
    SCAN_JOBS = "scan_jobs",
    SCAN_MASKED = "scan_masked",
    SEARCH_COMPANIES = "search_companies",
    SEARCH_EMBEDDINGS = "search_embeddings",
    SELECTED_ROWS = "selected_rows",
    SELECT_EMBEDDINGS = "select_embeddings",
    SHARE_EMBEDDINGS = "share_embeddings",
    STAGE_DONORS = "stage_donors",
    STAGE_EMBEDDINGS = "stage_embeddings",
    STAGE_KEYS = "stage_keys",
    STAGE_PREDICTIONS = "stage_predictions",
    STAGE_SELECTED = "stage_selected",
    STAGE_SHARED = "stage_shared",
    TABLE_COLUMNS = "table_columns",
    UNPREDICTED = "unpredicted",
    UNSHARED = "unshared",
    UPDATE_EMBEDDINGS = "update_embeddings",
    UPDATE_FILTERS = "update_filters",
    WITHIN_CALENDAR = "within_calendar",
}

/// The statement, ready to run. If the table of tombstones or of embeddings does not exist yet (readers create no
/// tables), the statement reads an empty one.
pub(super) fn fill(
    connection: &Connection,
    template: Template,
    table: Option<&EmbeddingTable>,
) -> Outcome<String> {
    fill_with(connection, template, table, Values::default())
}

/// [`fill`] with further `values`.
pub(super) fn fill_with(
    connection: &Connection,
    template: Template,
    table: Option<&EmbeddingTable>,
    mut values: Values,
) -> Outcome<String> {
    if template.mentions(&["forgotten_ads", "latest_sightings"])
        && !catalogue::has_table(connection, FORGOTTEN_ADS)?
    {
        values = values.with("forgotten_ads", NO_FORGOTTEN_ADS.text.trim_end());
    }
    if let Some(table) = table {
        if [SCAN_JOBS.name, COUNT_FEATURES.name].contains(&template.name)
            && !catalogue::has_table(connection, &table.name)?
        {
            values = values.with("job_embeddings", NO_EMBEDDINGS.text.trim_end());
        }
        values = values.on(table);
    }
    // Tables have row numbers; views do not.
    let is_numbered =
        template.text.contains("rowid") && template.mentions(&["cleaned_jobs", "latest_sightings"]);
    if is_numbered && catalogue::has_view(connection, "cleaned_jobs")? {
        connection.execute_batch(&COPY_VIEWED_JOBS.fill(&Values::default().with_constants())?)?;
        values = values.with("cleaned_jobs", "temp.viewed_jobs");
    }
    values = values.with_constants();
    values = values.with("other_columns_hash", OTHER_COLUMNS_HASH.text.trim_end());
    let latest = if template.mentions(&["latest_sightings"]) {
        LATEST_SIGHTINGS.fill(&values)?
    } else {
        String::new()
    };
    Ok(template.fill(&values.with("latest_sightings", latest))?)
}

/// A table's name in quotes; it may contain any characters.
pub(super) fn quoted(table: &str) -> String {
    format!("\"{}\"", table.replace('"', "\"\""))
}
