-- Counts what scan_features.sql returns and leaves out: ads with a vector of one space; how many of them state pay;
-- ads without a vector. $1 space.
WITH asked AS (
    SELECT DISTINCT source, job_id
    FROM {cleaned_jobs} AS ad
    WHERE source <> '' AND job_id <> ''
        AND NOT EXISTS (
            SELECT 1 FROM {forgotten_ads} AS gone
            WHERE gone.source = ad.source AND gone.job_id = ad.job_id
        )
),
{latest_sightings}
SELECT
    count(stored.job_id),
    count(stored.job_id) FILTER (
        WHERE (isfinite(ad.job_salary_min_sgd_monthly) AND ad.job_salary_min_sgd_monthly >= 0)
            OR (isfinite(ad.job_salary_max_sgd_monthly) AND ad.job_salary_max_sgd_monthly >= 0)
    ),
    count(*) - count(stored.job_id)
FROM {cleaned_jobs} AS ad
LEFT JOIN (
    SELECT source, job_id FROM {job_embeddings} WHERE embedding_space = $1
) AS stored ON stored.source = ad.source AND stored.job_id = ad.job_id
WHERE ad.rowid IN (SELECT sighting FROM latest_sightings);
