-- What models learn from: every ad's latest sighting with its vectors. Pay is per month in the currency of the ad,
-- as common/core/src/pay.rs reads it. The age is that at the latest sighting, so that it does not change with time.
-- An ad without a vector has no content_hash and no embedding; one whose text states no pay has no
-- embedding_masked. Weekends are those of Singapore (UTC+8).
CREATE VIEW IF NOT EXISTS {vw_ml_features} AS
WITH moments AS (
    SELECT
        * EXCLUDE (scrape_timestamp, job_posted_timestamp),
        CASE
            WHEN scrape_timestamp BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'
            THEN scrape_timestamp
        END AS scrape_timestamp,
        CASE
            WHEN job_posted_timestamp BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'
            THEN job_posted_timestamp
        END AS job_posted_timestamp,
        CASE
            WHEN isfinite(job_salary_min_sgd_monthly) AND job_salary_min_sgd_monthly >= 0
            THEN job_salary_min_sgd_monthly
        END AS salary_min,
        CASE
            WHEN isfinite(job_salary_max_sgd_monthly) AND job_salary_max_sgd_monthly >= 0
            THEN job_salary_max_sgd_monthly
        END AS salary_max
    FROM {vw_latest_jobs}
)
SELECT
    ad.source, ad.job_id, ad.job_url, ad.job_title, ad.job_description, ad.job_location, ad.job_classification,
    ad.job_work_type, ad.company_id, ad.company_url, ad.company_name, ad.company_description, ad.company_industry,
    ad.company_size, ad.job_currency, ad.salary_min, ad.salary_max,
    coalesce(ad.salary_min / 2 + ad.salary_max / 2, ad.salary_min, ad.salary_max) AS salary_mid,
    abs(ad.salary_max - ad.salary_min) AS salary_range,
    ad.job_posted_timestamp, ad.scrape_timestamp,
    (epoch_us(ad.scrape_timestamp) - epoch_us(ad.job_posted_timestamp)) / 86400000000 AS age_when_seen_days,
    coalesce(length(ad.job_description), 0) AS description_length, coalesce(length(ad.job_title), 0) AS title_length,
    dayofweek(ad.job_posted_timestamp + INTERVAL 8 HOUR) IN (0, 6) AS is_weekend_post,
    stored.content_hash, stored.embedding_space, stored.embedding, masked.embedding AS embedding_masked
FROM moments AS ad
LEFT JOIN {job_embeddings} AS stored ON stored.source = ad.source AND stored.job_id = ad.job_id
LEFT JOIN {job_embeddings_masked} AS masked
    ON masked.source = ad.source AND masked.job_id = ad.job_id AND masked.embedding_space = stored.embedding_space;
