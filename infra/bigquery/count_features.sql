-- Counts what scan_features.sql returns and leaves out: ads with a vector of one space; how many of them state pay;
-- ads without a vector.
SELECT
    COUNT(stored.job_id),
    COUNTIF(
        stored.job_id IS NOT NULL
        AND (
            (ad.job_salary_min_sgd_monthly >= 0 AND NOT IS_INF(ad.job_salary_min_sgd_monthly) AND NOT IS_NAN(ad.job_salary_min_sgd_monthly))
            OR (ad.job_salary_max_sgd_monthly >= 0 AND NOT IS_INF(ad.job_salary_max_sgd_monthly) AND NOT IS_NAN(ad.job_salary_max_sgd_monthly))
        )
    ),
    COUNT(*) - COUNT(stored.job_id)
FROM (
    {latest_jobs}
) AS ad
LEFT JOIN (
    SELECT source, job_id FROM {job_embeddings} AS embedded WHERE embedding_space = @space
) AS stored ON stored.source = ad.source AND stored.job_id = ad.job_id;
