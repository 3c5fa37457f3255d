-- Every ad's latest sighting with its stored row. Moments are returned in microseconds, because the API rounds
-- timestamps.
WITH share AS (
    SELECT *
    FROM {cleaned_jobs}
    WHERE (@source IS NULL OR source = @source)
        AND (@shards = 1
            OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(source, '/', job_id))), 1, 8)) AS INT64), @shards) = @shard)
),
ads AS (
    SELECT
        source, job_id, LEFT(job_title, {title_chars}) AS job_title,
        LEFT(job_description, {description_chars}) AS job_description,
        LEFT(job_location, {title_chars}) AS job_location,
        LEFT(job_classification, {title_chars}) AS job_classification,
        LEFT(job_work_type, {title_chars}) AS job_work_type, job_posted_timestamp,
        job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_currency
    FROM (
        {latest_of_share}
    ) AS latest
)
SELECT
    ads.source, ads.job_id, ads.job_title, ads.job_description,
    ads.job_location, ads.job_classification, ads.job_work_type,
    UNIX_MICROS(ads.job_posted_timestamp) AS job_posted_timestamp,
    ads.job_salary_min_sgd_monthly, ads.job_salary_max_sgd_monthly, ads.job_currency,
    stored.content_hash, stored.embedding_space,
    stored.job_location AS stored_location,
    stored.job_classification AS stored_classification,
    stored.job_work_type AS stored_work_type,
    UNIX_MICROS(stored.job_posted_timestamp) AS stored_posted_timestamp,
    stored.salary_mid AS stored_salary_mid
FROM ads
LEFT JOIN {job_embeddings} AS stored ON stored.source = ads.source AND stored.job_id = ads.job_id;
