-- One page of ads with their stored rows: the sightings with a row number in [$4, $5) that are the latest of their
-- ads. The hash table of a page contains only its own rows, for tables of any size. In a table of another program,
-- a sighting may lack source or id, and is left out; a sighting whose moment is missing or outside the years 1 to
-- 9999 is the earliest. Moments are microseconds since 1970.
-- $1 number of tasks, $2 this task, $3 source or NULL.
WITH page AS (
    SELECT
        rowid AS sighting, source, job_id,
        left(job_title, {title_chars}) AS job_title, left(job_description, {description_chars}) AS job_description,
        left(job_location, {title_chars}) AS job_location, left(job_classification, {title_chars}) AS job_classification,
        left(job_work_type, {title_chars}) AS job_work_type, job_posted_timestamp,
        job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_currency
    FROM {cleaned_jobs} AS ad
    WHERE rowid >= $4 AND rowid < $5
        AND source <> '' AND job_id <> ''
        AND ($3 IS NULL OR source = $3)
        AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
        AND NOT EXISTS (
            SELECT 1 FROM {forgotten_ads} AS gone
            WHERE gone.source = ad.source AND gone.job_id = ad.job_id
        )
),
asked AS (
    SELECT source, job_id FROM page
),
{latest_sightings}
SELECT
    page.source, page.job_id, page.job_title, page.job_description,
    page.job_location, page.job_classification, page.job_work_type,
    epoch_us(within_calendar(page.job_posted_timestamp)),
    page.job_salary_min_sgd_monthly, page.job_salary_max_sgd_monthly, page.job_currency,
    stored.content_hash, stored.embedding_space,
    stored.job_location, stored.job_classification, stored.job_work_type,
    epoch_us(within_calendar(stored.job_posted_timestamp)), stored.salary_mid
FROM page
LEFT JOIN {job_embeddings} AS stored ON stored.source = page.source AND stored.job_id = page.job_id
WHERE page.sighting IN (SELECT sighting FROM latest_sightings)
ORDER BY page.sighting;
