-- Summary of what an index of one space contains, without vectors: number of rows, newest moment, checksum of the
-- rows and of the latest sightings' other columns; number of rows whose ads are still in cleaned_jobs.
WITH shown AS (
    SELECT
        source, job_id,
        FARM_FINGERPRINT(
            TO_JSON_STRING(
                STRUCT(
                    company_name, job_url, job_currency, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly
                )
            )
        ) AS shown
    FROM (
        {latest_jobs}
    ) AS latest
)
SELECT
    COUNT(*),
    UNIX_MICROS(MAX(stored.created_at)),
    BIT_XOR(
        FARM_FINGERPRINT(
            TO_JSON_STRING(
                STRUCT(
                    stored.source, stored.job_id, stored.content_hash, stored.job_location,
                    stored.job_classification, stored.job_work_type, stored.job_posted_timestamp,
                    stored.salary_mid, shown.shown, stored.model_version
                )
            )
        )
    ),
    COUNT(shown.source)
FROM {job_embeddings} AS stored
LEFT JOIN shown ON shown.source = stored.source AND shown.job_id = stored.job_id
WHERE stored.embedding_space = @space
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
