-- Part of a statement: row numbers of the latest sightings of the ads in `asked`, as in vw_latest_jobs. Compares
-- keys and moments only; reads other columns only of sightings that tie in the latest moments.
latest AS (
    SELECT
        ad.source, ad.job_id, max((seen_at, loaded_at, sighting)) AS last,
        max((seen_at, loaded_at, -sighting)) AS first
    FROM (
        SELECT
            rowid AS sighting, source, job_id,
            coalesce(within_calendar(scrape_timestamp), TIMESTAMP '-infinity') AS seen_at,
            coalesce(within_calendar(bq_timestamp), TIMESTAMP '-infinity') AS loaded_at
        FROM {cleaned_jobs}
    ) AS ad
    SEMI JOIN asked ON asked.source = ad.source AND asked.job_id = ad.job_id
    GROUP BY ad.source, ad.job_id
),
tied AS (
    SELECT ad.rowid AS sighting
    FROM {cleaned_jobs} AS ad
    JOIN latest ON latest.source = ad.source AND latest.job_id = ad.job_id
    WHERE latest.first[3] <> -latest.last[3]
        AND latest.last[1] = coalesce(within_calendar(ad.scrape_timestamp), TIMESTAMP '-infinity')
        AND latest.last[2] = coalesce(within_calendar(ad.bq_timestamp), TIMESTAMP '-infinity')
),
latest_sightings AS (
    SELECT last[3] AS sighting FROM latest WHERE first[3] = -last[3]
    UNION ALL
    SELECT
        arg_max(
            rowid, (
                job_title IS NOT NULL, coalesce(job_title, ''), job_description IS NOT NULL,
                coalesce(job_description, ''), {other_columns_hash}
            )
        ) AS sighting
    FROM {cleaned_jobs}
    WHERE rowid IN (SELECT sighting FROM tied)
    GROUP BY source, job_id
)
