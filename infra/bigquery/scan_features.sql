-- The ads of a task that have a vector of one space, those of them that the part `selected` selects, as in
-- vw_ml_features: the latest sighting, its vector, and the vector of its text with masked pay. Vectors are returned as
-- text, as in scan_embeddings.sql.
WITH ads AS (
    SELECT
        source, job_id, LEFT(job_title, {feature_chars}) AS job_title,
        LEFT(job_description, {feature_chars}) AS job_description, LEFT(job_location, {feature_chars}) AS job_location,
        LEFT(job_classification, {feature_chars}) AS job_classification,
        LEFT(job_work_type, {feature_chars}) AS job_work_type, LEFT(company_id, {feature_chars}) AS company_id,
        LEFT(company_name, {feature_chars}) AS company_name,
        LEFT(company_industry, {feature_chars}) AS company_industry,
        LEFT(company_size, {feature_chars}) AS company_size, LEFT(job_currency, {feature_chars}) AS job_currency,
        job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_posted_timestamp, scrape_timestamp
    FROM (
        {latest_jobs}
    ) AS latest
)
SELECT
    ads.source, ads.job_id, ads.job_title, ads.job_description, ads.job_location, ads.job_classification,
    ads.job_work_type, ads.company_id, ads.company_name, ads.company_industry, ads.company_size, ads.job_currency,
    ads.job_salary_min_sgd_monthly, ads.job_salary_max_sgd_monthly,
    UNIX_MICROS(ads.job_posted_timestamp) AS job_posted_timestamp,
    UNIX_MICROS(ads.scrape_timestamp) AS scrape_timestamp,
    stored.content_hash, TO_JSON_STRING(stored.embedding) AS embedding,
    IF(masked.job_id IS NULL, NULL, TO_JSON_STRING(masked.embedding)) AS embedding_masked
FROM ads
JOIN {job_embeddings} AS stored ON stored.source = ads.source AND stored.job_id = ads.job_id
LEFT JOIN {job_embeddings_masked} AS masked
    ON masked.source = stored.source AND masked.job_id = stored.job_id
    AND masked.embedding_space = stored.embedding_space
WHERE stored.embedding_space = @space
    AND (@shards = 1
        OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(stored.source, '/', stored.job_id))), 1, 8)) AS INT64), @shards)
            = @shard)
    AND {selected};
