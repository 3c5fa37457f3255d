-- Part of a statement: row numbers of the latest sightings of the ads in `asked`, as in vw_latest_jobs. Compares
-- keys and moments only; reads other columns only of sightings that tie in the latest moments.
latest AS (
    SELECT source, job_id, max((seen_at, loaded_at, sighting)) AS last, max((seen_at, loaded_at, -sighting)) AS first
    FROM (
        SELECT
            ad.rowid AS sighting, ad.source, ad.job_id,
            coalesce(within_calendar(ad.scrape_timestamp), TIMESTAMP '-infinity') AS seen_at,
            coalesce(within_calendar(ad.bq_timestamp), TIMESTAMP '-infinity') AS loaded_at
        FROM {cleaned_jobs} AS ad
        SEMI JOIN asked ON asked.source = ad.source AND asked.job_id = ad.job_id
    )
    GROUP BY source, job_id
),
tied AS (
    SELECT ad.rowid AS sighting
    FROM {cleaned_jobs} AS ad
    JOIN latest ON latest.source = ad.source AND latest.job_id = ad.job_id
    WHERE latest.first[3] <> -latest.last[3]
        AND latest.last[1] = coalesce(within_calendar(ad.scrape_timestamp), TIMESTAMP '-infinity')
        AND latest.last[2] = coalesce(within_calendar(ad.bq_timestamp), TIMESTAMP '-infinity')
),
-- A file that was loaded twice ties with itself: sightings with the same contents are told apart without comparing
-- texts, which would not fit into memory.
contents AS (
    SELECT
        rowid AS sighting, source, job_id, hash(job_title, job_description, {other_columns_hash}) AS content
    FROM {cleaned_jobs}
    WHERE rowid IN (SELECT sighting FROM tied)
),
compared AS (
    SELECT source, job_id, max(sighting) AS sighting, min(content) <> max(content) AS differ
    FROM contents
    GROUP BY source, job_id
),
latest_sightings AS (
    SELECT last[3] AS sighting FROM latest WHERE first[3] = -last[3]
    UNION ALL
    SELECT sighting FROM compared WHERE NOT differ
    UNION ALL
    SELECT
        arg_max(
            rowid, (
                job_title IS NOT NULL, coalesce(job_title, ''), job_description IS NOT NULL,
                coalesce(job_description, ''), {other_columns_hash}
            )
        ) AS sighting
    FROM {cleaned_jobs}
    WHERE rowid IN (
        SELECT contents.sighting
        FROM contents
        JOIN compared ON compared.source = contents.source AND compared.job_id = contents.job_id
        WHERE compared.differ
    )
    GROUP BY source, job_id
)
