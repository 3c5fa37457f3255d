-- What an index of one space would hold, without vectors: the rows, and what only the latest sightings have; how many of the rows are of
-- ads that are still in cleaned_jobs, and how many sightings have a moment outside the years 1 to 9999. $1 space.
WITH shown AS (
    SELECT
        hash(source, job_id) AS ad,
        arg_max(
            hash(company_name, job_url, job_currency, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly),
            (
                coalesce(within_calendar(scrape_timestamp), TIMESTAMP '-infinity'),
                coalesce(within_calendar(bq_timestamp), TIMESTAMP '-infinity'),
                rowid
            )
        ) AS shown
    FROM cleaned_jobs
    GROUP BY ad
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
        FROM cleaned_jobs
        WHERE source <> '' AND job_id <> ''
            AND (
                outside_calendar(scrape_timestamp)
                OR outside_calendar(bq_timestamp)
                OR outside_calendar(job_posted_timestamp)
            )
    )
FROM job_embeddings AS stored
LEFT JOIN shown ON shown.ad = hash(stored.source, stored.job_id)
WHERE stored.embedding_space = $1
    AND NOT EXISTS (
        SELECT 1 FROM forgotten_ads AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
