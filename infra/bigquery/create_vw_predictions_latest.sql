-- The current prediction of each ad: the latest. Ties are broken by the variant (a champion's first), then by the greater
-- hash of the text and the greater versions. Ads that were taken down are left out.
CREATE VIEW IF NOT EXISTS {vw_predictions_latest} AS
SELECT
    source, job_id, content_hash, variant, currency, predicted_salary, salary_low, salary_high, salary_confidence,
    predicted_classification, classification_probability, predicted_cluster, cluster_name, salary_model_version,
    role_model_version, cluster_model_version, predicted_at
FROM {ml_predictions} AS prediction
WHERE NOT EXISTS (
    SELECT 1 FROM {forgotten_ads} AS gone
    WHERE gone.source = prediction.source AND gone.job_id = prediction.job_id
)
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY source, job_id
    ORDER BY
        predicted_at DESC, variant, content_hash DESC, salary_model_version DESC NULLS LAST,
        role_model_version DESC NULLS LAST, cluster_model_version DESC NULLS LAST
) = 1;
