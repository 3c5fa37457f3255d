-- Part of select_embeddings.sql: ads without a current prediction by the champions. $4 version of the role classifier,
-- $5 version of the clustering, each '' if there is none; $6 versions of the salary models, as in '|GBP=v2|SGD=v7|'. An
-- ad in the currency of no model is predicted without a salary.
NOT EXISTS (
    SELECT 1
    FROM {vw_predictions_latest} AS latest
    WHERE latest.source = stored.source AND latest.job_id = stored.job_id
        AND latest.content_hash = stored.content_hash
        AND latest.variant = 'champion'
        AND coalesce(latest.role_model_version, '') = $4
        AND coalesce(latest.cluster_model_version, '') = $5
        AND CASE
            WHEN latest.salary_model_version IS NULL THEN strpos($6, '|' || latest.currency || '=') = 0
            ELSE strpos($6, '|' || latest.currency || '=' || latest.salary_model_version || '|') > 0
        END
)
