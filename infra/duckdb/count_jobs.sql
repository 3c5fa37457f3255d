-- Counts what a scan returns and leaves out: ads; sightings without a key (reported by the first task only);
-- sightings with a moment outside the years 1 to 9999, which counts as missing; ads that were taken down.
-- $1 number of tasks, $2 this task, $3 source or NULL.
SELECT
    count(*) - count(gone.job_id),
    (
        SELECT count(*)
        FROM {cleaned_jobs}
        WHERE $2 = 0
            AND ($3 IS NULL OR source = $3)
            AND (coalesce(source, '') = '' OR coalesce(job_id, '') = '')
    ),
    (
        SELECT count(*)
        FROM {cleaned_jobs}
        WHERE source <> '' AND job_id <> ''
            AND ($3 IS NULL OR source = $3)
            AND (
                outside_calendar(scrape_timestamp)
                OR outside_calendar(bq_timestamp)
                OR outside_calendar(job_posted_timestamp)
            )
            AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
    ),
    count(gone.job_id)
FROM (
    SELECT DISTINCT source, job_id
    FROM {cleaned_jobs}
    WHERE source <> '' AND job_id <> ''
        AND ($3 IS NULL OR source = $3)
        AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
) AS ad
LEFT JOIN (SELECT DISTINCT source, job_id FROM {forgotten_ads} AS tombstone) AS gone
    ON gone.source = ad.source AND gone.job_id = ad.job_id;
