-- One page of ads with their stored rows: the sightings with a row number in [$4, $5) that are the latest of their
-- ads. The hash table of a page contains only its own rows, for tables of any size. In a table of another program,
-- a sighting may lack source or id, and is left out; a sighting whose moment is missing or outside the years 1 to
-- 9999 is the earliest. Moments are microseconds since 1970.
-- $1 number of tasks, $2 this task, $3 source or NULL.
WITH page AS (
    SELECT
        rowid AS sighting, source, job_id,
        coalesce(within_calendar(scrape_timestamp), TIMESTAMP '-infinity') AS seen_at,
        coalesce(within_calendar(bq_timestamp), TIMESTAMP '-infinity') AS loaded_at,
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
compared AS (
    SELECT
        page.sighting,
        bool_or(other.seen_at > page.seen_at OR other.loaded_at > page.loaded_at) AS is_replaced,
        list(other.sighting) FILTER (
            WHERE other.seen_at = page.seen_at AND other.loaded_at = page.loaded_at
        ) AS ties
    FROM (
        SELECT
            rowid AS sighting, source, job_id,
            coalesce(within_calendar(scrape_timestamp), TIMESTAMP '-infinity') AS seen_at,
            coalesce(within_calendar(bq_timestamp), TIMESTAMP '-infinity') AS loaded_at
        FROM {cleaned_jobs}
    ) AS other
    JOIN page ON other.source = page.source AND other.job_id = page.job_id
    WHERE (other.seen_at > page.seen_at OR (other.seen_at = page.seen_at AND other.loaded_at >= page.loaded_at))
        AND other.sighting <> page.sighting
    GROUP BY page.sighting
),
-- Sightings of one ad with the same latest moments: their contents break the tie, as in vw_latest_jobs.
tied AS (
    SELECT sighting, unnest(ties) AS other FROM compared WHERE NOT is_replaced
),
mine AS (
    SELECT
        rowid AS sighting, job_title IS NOT NULL AS has_title, coalesce(job_title, '') AS title,
        job_description IS NOT NULL AS has_description, coalesce(job_description, '') AS description,
        {other_columns_hash} AS others
    FROM {cleaned_jobs}
    WHERE rowid >= $4 AND rowid < $5 AND rowid IN (SELECT sighting FROM tied)
),
theirs AS (
    SELECT
        rowid AS sighting, job_title IS NOT NULL AS has_title, coalesce(job_title, '') AS title,
        job_description IS NOT NULL AS has_description, coalesce(job_description, '') AS description,
        {other_columns_hash} AS others
    FROM {cleaned_jobs}
    WHERE rowid IN (SELECT other FROM tied)
),
replaced AS (
    SELECT sighting FROM compared WHERE is_replaced
    UNION ALL
    SELECT tied.sighting
    FROM tied
    JOIN mine ON mine.sighting = tied.sighting
    JOIN theirs ON theirs.sighting = tied.other
    WHERE (theirs.has_title, theirs.title, theirs.has_description, theirs.description, theirs.others, theirs.sighting)
        > (mine.has_title, mine.title, mine.has_description, mine.description, mine.others, mine.sighting)
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
LEFT JOIN {job_embeddings} AS stored ON stored.source = page.source AND stored.job_id = page.job_id
WHERE page.sighting NOT IN (SELECT sighting FROM replaced)
ORDER BY page.sighting;
