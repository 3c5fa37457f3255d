-- Inserts the staged rows, or updates the rows of the same ad, text, variant and versions. A single statement, because
-- concurrent transactions that change the same table abort each other, while concurrent merges wait for each other.
MERGE {ml_predictions} AS stored
USING (
    SELECT *
    FROM {staged_predictions} AS prediction
    WHERE NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = prediction.source AND gone.job_id = prediction.job_id
    )
) AS staged
ON stored.source = staged.source AND stored.job_id = staged.job_id
    AND stored.content_hash = staged.content_hash AND stored.variant = staged.variant
    AND COALESCE(stored.salary_model_version, '') = COALESCE(staged.salary_model_version, '')
    AND COALESCE(stored.role_model_version, '') = COALESCE(staged.role_model_version, '')
    AND COALESCE(stored.cluster_model_version, '') = COALESCE(staged.cluster_model_version, '')
WHEN MATCHED THEN UPDATE SET
    currency = staged.currency,
    predicted_salary = staged.predicted_salary,
    salary_low = staged.salary_low,
    salary_high = staged.salary_high,
    salary_confidence = staged.salary_confidence,
    predicted_classification = staged.predicted_classification,
    classification_probability = staged.classification_probability,
    predicted_cluster = staged.predicted_cluster,
    cluster_name = staged.cluster_name,
    predicted_at = staged.predicted_at
WHEN NOT MATCHED THEN INSERT (
    source, job_id, content_hash, variant, currency, predicted_salary, salary_low, salary_high, salary_confidence,
    predicted_classification, classification_probability, predicted_cluster, cluster_name, salary_model_version,
    role_model_version, cluster_model_version, predicted_at
) VALUES (
    staged.source, staged.job_id, staged.content_hash, staged.variant, staged.currency, staged.predicted_salary,
    staged.salary_low, staged.salary_high, staged.salary_confidence, staged.predicted_classification,
    staged.classification_probability, staged.predicted_cluster, staged.cluster_name, staged.salary_model_version,
    staged.role_model_version, staged.cluster_model_version, staged.predicted_at
);
