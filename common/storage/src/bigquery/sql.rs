//! The statements of `infra/bigquery`.

use common_core::Result;

use crate::sql::{Template, Values, statements};

statements! {
    "bigquery":
    ADD_COLUMN = "add_column",
    ADD_TOMBSTONES = "add_tombstones",
    ADS_WITH_IDS = "ads_with_ids",
    ALL_ROWS = "all_rows",
    AMONG_KEYS = "among_keys",
    COUNT_FEATURES = "count_features",
    COUNT_JOBS = "count_jobs",
    COUNT_KEYS = "count_keys",
    COUNT_TO_PREDICT = "count_to_predict",
    CREATE_CLEANED_JOBS = "create_cleaned_jobs",
    CREATE_FORGOTTEN_ADS = "create_forgotten_ads",
    CREATE_IVF_INDEX = "create_ivf_index",
    CREATE_JOB_EMBEDDINGS = "create_job_embeddings",
    CREATE_ML_FEATURES = "create_ml_features",
    CREATE_ML_PREDICTIONS = "create_ml_predictions",
    CREATE_ML_RUNS = "create_ml_runs",
    CREATE_TREE_AH_INDEX = "create_tree_ah_index",
    CREATE_VW_LATEST_JOBS = "create_vw_latest_jobs",
    CREATE_VW_ML_FEATURES = "create_vw_ml_features",
    CREATE_VW_PREDICTIONS_LATEST = "create_vw_predictions_latest",
    CREATE_VW_RUNS = "create_vw_runs",
    DELETE_KEYS = "delete_keys",
    EMBEDDING_SPACES = "embedding_spaces",
    FILTER_COMPANIES = "filter_companies",
    FILTER_VALUES = "filter_values",
    INDEX_STATE = "index_state",
    KNOWN_TEXTS = "known_texts",
    LATEST_JOBS = "latest_jobs",
    LIST_TOMBSTONES = "list_tombstones",
    MERGE_EMBEDDINGS = "merge_embeddings",
    MERGE_PREDICTIONS = "merge_predictions",
    NO_EMBEDDINGS = "no_embeddings",
    NO_FORGOTTEN_ADS = "no_forgotten_ads",
    PRUNE_EMBEDDINGS = "prune_embeddings",
    RECORD_RUN = "record_run",
    RUNNING_RUNS = "running_runs",
    SCAN_ADS = "scan_ads",
    SCAN_EMBEDDINGS = "scan_embeddings",
    SCAN_FEATURES = "scan_features",
    SCAN_JOBS = "scan_jobs",
    SEARCH_COMPANIES = "search_companies",
    SEARCH_EMBEDDINGS = "search_embeddings",
    SHARE_EMBEDDINGS = "share_embeddings",
    STAGE_EMBEDDINGS = "stage_embeddings",
    STAGE_PREDICTIONS = "stage_predictions",
    UNPREDICTED = "unpredicted",
    UNSHARED = "unshared",
    UPDATE_FILTERS = "update_filters",
    VECTOR_INDEX = "vector_index",
}

/// The text, ready to run. A table without an entry in `values` keeps its own name. If `has_tombstones` is false,
/// the table of tombstones does not exist yet (readers create no tables), and the statement reads an empty one.
pub(super) fn fill(template: Template, values: &Values, has_tombstones: bool) -> Result<String> {
    let mut values = values.clone();
    if !has_tombstones {
        values = values.with("forgotten_ads", NO_FORGOTTEN_ADS.text.trim_end());
    }
    values = values.with_constants();
    let of_share = LATEST_JOBS.fill(&Values::default().with("cleaned_jobs", "share").and(&values))?;
    let latest = LATEST_JOBS.fill(&values)?;
    template.fill(&values.with("latest_jobs", latest).with("latest_of_share", of_share))
}

/// Whether the statement reads the table of tombstones.
pub(super) fn reads_tombstones(template: Template) -> bool {
    template.mentions(&["forgotten_ads", "latest_jobs", "latest_of_share"])
}
