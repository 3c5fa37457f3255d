-- Every ad that has a vector of one space, with its latest sighting. Vectors are returned as text, as in
-- scan_embeddings.sql.
WITH ads AS (
    SELECT
        source, job_id, LEFT(job_title, {title_chars}) AS job_title,
        LEFT(job_description, {description_chars}) AS job_description,
        LEFT(company_name, {title_chars}) AS company_name, LEFT(job_location, {title_chars}) AS job_location,
        LEFT(job_classification, {title_chars}) AS job_classification,
        LEFT(job_work_type, {title_chars}) AS job_work_type, LEFT(job_currency, {title_chars}) AS job_currency,
        -- A truncated URL would be invalid.
        IF(CHAR_LENGTH(job_url) <= {url_chars}, job_url, NULL) AS job_url,
        job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_posted_timestamp
    FROM (
        {latest_jobs}
    ) AS latest
)
SELECT
    ads.source, ads.job_id, stored.content_hash, stored.model_version, TO_JSON_STRING(stored.embedding) AS embedding,
    ads.job_title, ads.job_description, ads.company_name,
    ads.job_location, ads.job_classification, ads.job_work_type, ads.job_currency, ads.job_url,
    ads.job_salary_min_sgd_monthly, ads.job_salary_max_sgd_monthly,
    UNIX_MICROS(ads.job_posted_timestamp) AS job_posted_timestamp
FROM ads
JOIN {job_embeddings} AS stored ON stored.source = ads.source AND stored.job_id = ads.job_id
WHERE stored.embedding_space = @space;
