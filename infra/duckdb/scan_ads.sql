-- The latest sightings of the ads of one block: embeddings of one space with a row number in [$2, $3). $1 space.
-- Reads no vectors, and compares only keys and moments of cleaned_jobs: memory depends on the block's size, not on
-- the tables'.
WITH asked AS (
    SELECT source, job_id
    FROM {job_embeddings} AS stored
    WHERE rowid >= $2 AND rowid < $3 AND embedding_space = $1
        AND NOT EXISTS (
            SELECT 1 FROM {forgotten_ads} AS gone
            WHERE gone.source = stored.source AND gone.job_id = stored.job_id
        )
),
{latest_sightings}
SELECT
    source, job_id, left(job_title, {title_chars}) AS job_title,
    left(job_description, {description_chars}) AS job_description, left(company_name, {title_chars}) AS company_name,
    left(job_location, {title_chars}) AS job_location, left(job_classification, {title_chars}) AS job_classification,
    left(job_work_type, {title_chars}) AS job_work_type, left(job_currency, {title_chars}) AS job_currency,
    -- A truncated URL would be invalid.
    CASE WHEN length(job_url) <= {url_chars} THEN job_url END AS job_url,
    job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, epoch_us(within_calendar(job_posted_timestamp))
FROM {cleaned_jobs}
WHERE rowid IN (SELECT sighting FROM latest_sightings);
