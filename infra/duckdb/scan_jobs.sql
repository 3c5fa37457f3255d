-- One page of ads beside what is stored of each: the sightings with a row number in [$4, $5) that no later one
-- replaces. A page is a hash table of its own rows only, whatever the size of the tables. In a table that others made, a sighting may
-- lack source or id, and is nobody's; one that lacks its moment, or has none of
-- the years 1 to 9999, is the earliest. Moments are microseconds since 1970.
-- $1 tasks, $2 this task, $3 source or NULL.
WITH page AS (
    SELECT
        rowid AS sighting, source, job_id,
        coalesce(within_calendar(scrape_timestamp), TIMESTAMP '-infinity') AS seen_at,
        coalesce(within_calendar(bq_timestamp), TIMESTAMP '-infinity') AS loaded_at,
        left(job_title, {title_chars}) AS job_title, left(job_description, {description_chars}) AS job_description,
        left(job_location, {title_chars}) AS job_location, left(job_classification, {title_chars}) AS job_classification,
        left(job_work_type, {title_chars}) AS job_work_type, job_posted_timestamp,
        job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_currency
    FROM cleaned_jobs
    WHERE rowid >= $4 AND rowid < $5
        AND source <> '' AND job_id <> ''
        AND ($3 IS NULL OR source = $3)
        AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
        AND NOT EXISTS (
            SELECT 1 FROM forgotten_ads AS gone
            WHERE gone.source = cleaned_jobs.source AND gone.job_id = cleaned_jobs.job_id
        )
),
replaced AS (
    SELECT DISTINCT page.sighting
    FROM cleaned_jobs AS other
    JOIN page ON other.source = page.source AND other.job_id = page.job_id
    WHERE coalesce(within_calendar(other.scrape_timestamp), TIMESTAMP '-infinity') > page.seen_at
        OR (coalesce(within_calendar(other.scrape_timestamp), TIMESTAMP '-infinity') = page.seen_at
            AND (coalesce(within_calendar(other.bq_timestamp), TIMESTAMP '-infinity') > page.loaded_at
                OR (coalesce(within_calendar(other.bq_timestamp), TIMESTAMP '-infinity') = page.loaded_at
                    AND other.rowid > page.sighting)))
)
SELECT
    page.source, page.job_id, page.job_title, page.job_description,
    page.job_location, page.job_classification, page.job_work_type,
    epoch_us(within_calendar(page.job_posted_timestamp)),
    page.job_salary_min_sgd_monthly, page.job_salary_max_sgd_monthly, page.job_currency,
    stored.content_hash, stored.embedding_space,
    stored.job_location, stored.job_classification, stored.job_work_type,
    epoch_us(within_calendar(stored.job_posted_timestamp)), stored.salary_mid
FROM page
LEFT JOIN job_embeddings AS stored ON stored.source = page.source AND stored.job_id = page.job_id
WHERE page.sighting NOT IN (SELECT sighting FROM replaced)
ORDER BY page.sighting;
