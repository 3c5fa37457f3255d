-- What an index of one space would hold, without vectors: the rows, and what only the latest sightings have. $1 space.
WITH shown AS (
    SELECT
        hash(source, job_id) AS ad,
        arg_max(
            hash(company_name, job_url, job_currency, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly),
            (
                coalesce(scrape_timestamp, TIMESTAMP '-infinity'),
                coalesce(bq_timestamp, TIMESTAMP '-infinity'),
                rowid
            )
        ) AS shown
    FROM cleaned_jobs
    GROUP BY ad
)
SELECT
    count(*),
    max(stored.created_at),
    coalesce(
        bit_xor(
            hash(
                stored.source, stored.job_id, stored.content_hash, stored.job_location, stored.job_classification,
                stored.job_work_type, stored.job_posted_timestamp, stored.salary_mid, shown.shown
            )
        ),
        0
    )::UBIGINT
FROM job_embeddings AS stored
LEFT JOIN shown ON shown.ad = hash(stored.source, stored.job_id)
WHERE stored.embedding_space = $1
    AND NOT EXISTS (
        SELECT 1 FROM forgotten_ads AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
