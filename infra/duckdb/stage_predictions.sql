-- Temporary table of the rows to write to ml_predictions.
CREATE OR REPLACE TEMP TABLE staged_predictions AS
SELECT
    source, job_id, content_hash, variant, currency, predicted_salary, salary_low, salary_high, salary_confidence,
    predicted_classification, classification_probability, predicted_cluster, cluster_name, salary_model_version,
    role_model_version, cluster_model_version, predicted_at
FROM {ml_predictions}
LIMIT 0;
