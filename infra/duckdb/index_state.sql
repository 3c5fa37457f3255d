-- Summary of what an index of one space contains, without vectors: number of rows, newest moment, checksum of the
-- rows and of the latest sightings' other columns; number of rows whose ads are still in cleaned_jobs; number of
-- sightings with a moment outside the years 1 to 9999. $1 space.
WITH latest AS (
    SELECT ad, max((seen_at, loaded_at, sighting, shown)) AS last, max((seen_at, loaded_at, -sighting)) AS first
    FROM (
        SELECT
            hash(source, job_id) AS ad, rowid AS sighting,
            coalesce(within_calendar(scrape_timestamp), TIMESTAMP '-infinity') AS seen_at,
            coalesce(within_calendar(bq_timestamp), TIMESTAMP '-infinity') AS loaded_at,
            hash(company_name, job_url, job_currency, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly) AS shown
        FROM {cleaned_jobs}
    )
    GROUP BY ad
),
-- Sightings of one ad with the same latest moments: their contents break the tie, as in vw_latest_jobs.
tied AS (
    SELECT sighting.rowid AS sighting
    FROM {cleaned_jobs} AS sighting
    JOIN latest ON latest.ad = hash(sighting.source, sighting.job_id)
    WHERE latest.first[3] <> -latest.last[3]
        AND latest.last[1] = coalesce(within_calendar(sighting.scrape_timestamp), TIMESTAMP '-infinity')
        AND latest.last[2] = coalesce(within_calendar(sighting.bq_timestamp), TIMESTAMP '-infinity')
),
-- Sightings with the same contents are told apart without comparing texts, which would not fit into memory.
contents AS (
    SELECT
        rowid AS sighting, hash(source, job_id) AS ad,
        hash(job_title, job_description, {other_columns_hash}) AS content
    FROM {cleaned_jobs}
    WHERE rowid IN (SELECT sighting FROM tied)
),
compared AS (
    SELECT ad, min(content) <> max(content) AS differ FROM contents GROUP BY ad
),
shown AS (
    SELECT latest.ad, latest.last[4] AS shown
    FROM latest
    LEFT JOIN compared ON compared.ad = latest.ad
    WHERE compared.differ IS NOT TRUE
    UNION ALL
    SELECT
        hash(source, job_id) AS ad,
        arg_max(
            hash(company_name, job_url, job_currency, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly),
            (
                job_title IS NOT NULL, coalesce(job_title, ''), job_description IS NOT NULL,
                coalesce(job_description, ''), {other_columns_hash}
            )
        ) AS shown
    FROM {cleaned_jobs}
    WHERE rowid IN (
        SELECT contents.sighting FROM contents JOIN compared ON compared.ad = contents.ad WHERE compared.differ
    )
    GROUP BY hash(source, job_id)
)
SELECT
    count(*),
    epoch_us(max(within_calendar(stored.created_at))),
    coalesce(
        bit_xor(
            hash(
                stored.source, stored.job_id, stored.content_hash, stored.job_location, stored.job_classification,
                stored.job_work_type, stored.job_posted_timestamp, stored.salary_mid, shown.shown,
                stored.model_version
            )
        ),
        0
    )::UBIGINT,
    count(shown.ad),
    (
        SELECT count(*)
        FROM {cleaned_jobs}
        WHERE source <> '' AND job_id <> ''
            AND (
                outside_calendar(scrape_timestamp)
                OR outside_calendar(bq_timestamp)
                OR outside_calendar(job_posted_timestamp)
            )
    )
FROM {job_embeddings} AS stored
LEFT JOIN shown ON shown.ad = hash(stored.source, stored.job_id)
WHERE stored.embedding_space = $1
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
