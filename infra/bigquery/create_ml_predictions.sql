-- Predictions: one row for each ad, text, variant and set of models. Older rows are history; vw_predictions_latest has
-- the current ones. Amounts are per month in the currency.
CREATE TABLE IF NOT EXISTS {ml_predictions} (
    source STRING NOT NULL,
    job_id STRING NOT NULL,
    content_hash STRING NOT NULL,
    variant STRING NOT NULL,
    currency STRING NOT NULL,
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
    predicted_at TIMESTAMP NOT NULL
)
PARTITION BY DATE(predicted_at)
CLUSTER BY source, job_id;
