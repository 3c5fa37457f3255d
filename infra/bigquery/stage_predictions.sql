-- Staging table of the rows to write to ml_predictions. It is dropped after the merge; after a killed run, it expires.
CREATE TABLE IF NOT EXISTS {staged_predictions} (
    source STRING,
    job_id STRING,
    content_hash STRING,
    variant STRING,
    currency STRING,
    predicted_salary FLOAT64,
    salary_low FLOAT64,
    salary_high FLOAT64,
    salary_confidence FLOAT64,
    predicted_classification STRING,
    classification_probability FLOAT64,
    predicted_cluster INT64,
    cluster_name STRING,
    salary_model_version STRING,
    role_model_version STRING,
    cluster_model_version STRING,
    predicted_at TIMESTAMP
)
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY));
