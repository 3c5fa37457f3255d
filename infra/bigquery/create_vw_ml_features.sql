-- What models learn from: every ad's latest sighting with its vectors. Pay is per month in the currency of the ad,
-- as common/core/src/pay.rs reads it. The age is that at the latest sighting, so that it does not change with time.
-- An ad without a vector has no content_hash and no embedding; one whose text states no pay has no
-- embedding_masked. Weekends are those of Singapore (UTC+8).
CREATE VIEW IF NOT EXISTS {vw_ml_features} AS
WITH ads AS (
    SELECT
        *,
        IF(
            job_salary_min_sgd_monthly >= 0 AND NOT IS_INF(job_salary_min_sgd_monthly) AND NOT IS_NAN(job_salary_min_sgd_monthly),
            job_salary_min_sgd_monthly, NULL
        ) AS salary_min,
        IF(
            job_salary_max_sgd_monthly >= 0 AND NOT IS_INF(job_salary_max_sgd_monthly) AND NOT IS_NAN(job_salary_max_sgd_monthly),
            job_salary_max_sgd_monthly, NULL
        ) AS salary_max,
        -- Days since 1970 in Singapore; the first was a Thursday.
        CAST(FLOOR((UNIX_SECONDS(job_posted_timestamp) + 28800) / 86400) AS INT64) AS posted_day
    FROM {vw_latest_jobs}
)
SELECT
    ad.source, ad.job_id, ad.job_url, ad.job_title, ad.job_description, ad.job_location, ad.job_classification,
    ad.job_work_type, ad.company_id, ad.company_url, ad.company_name, ad.company_description, ad.company_industry,
    ad.company_size, ad.job_currency, ad.salary_min, ad.salary_max,
    COALESCE(ad.salary_min / 2 + ad.salary_max / 2, ad.salary_min, ad.salary_max) AS salary_mid,
    ABS(ad.salary_max - ad.salary_min) AS salary_range,
    ad.job_posted_timestamp, ad.scrape_timestamp,
    (UNIX_MICROS(ad.scrape_timestamp) - UNIX_MICROS(ad.job_posted_timestamp)) / 86400000000 AS age_when_seen_days,
    COALESCE(CHAR_LENGTH(ad.job_description), 0) AS description_length,
    COALESCE(CHAR_LENGTH(ad.job_title), 0) AS title_length,
    MOD(MOD(ad.posted_day, 7) + 11, 7) IN (0, 6) AS is_weekend_post,
    stored.content_hash, stored.embedding_space, stored.embedding, masked.embedding AS embedding_masked
FROM ads AS ad
LEFT JOIN {job_embeddings} AS stored ON stored.source = ad.source AND stored.job_id = ad.job_id
LEFT JOIN {job_embeddings_masked} AS masked
    ON masked.source = ad.source AND masked.job_id = ad.job_id AND masked.embedding_space = stored.embedding_space;
