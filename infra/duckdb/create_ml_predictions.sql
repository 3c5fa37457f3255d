-- Predictions: one row for each ad, text, variant and set of models. Older rows are history; vw_predictions_latest has
-- the current ones. Amounts are per month in the currency.
CREATE TABLE IF NOT EXISTS {ml_predictions} (
    source VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    currency VARCHAR NOT NULL,
    predicted_salary DOUBLE,
    salary_low DOUBLE,
    salary_high DOUBLE,
    salary_confidence DOUBLE,
    predicted_classification VARCHAR,
    classification_probability DOUBLE,
    predicted_cluster BIGINT,
    cluster_name VARCHAR,
    salary_model_version VARCHAR,
    role_model_version VARCHAR,
    cluster_model_version VARCHAR,
    predicted_at TIMESTAMP NOT NULL
);
