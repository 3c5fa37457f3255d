-- Removes the rows that the staged rows replace: those of the same ad, text, variant and versions.
DELETE FROM {ml_predictions} AS stored USING staged_predictions AS staged
WHERE stored.source = staged.source AND stored.job_id = staged.job_id
    AND stored.content_hash = staged.content_hash AND stored.variant = staged.variant
    AND stored.salary_model_version IS NOT DISTINCT FROM staged.salary_model_version
    AND stored.role_model_version IS NOT DISTINCT FROM staged.role_model_version
    AND stored.cluster_model_version IS NOT DISTINCT FROM staged.cluster_model_version;
