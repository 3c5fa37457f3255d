-- Inserts or updates the rows of the ads of @ads with the newest vector of their text in @space, written since
-- @since if given.
MERGE {job_embeddings} AS stored
USING (
    WITH ads AS (
        SELECT
            JSON_VALUE(ad, '$.source') AS source,
            JSON_VALUE(ad, '$.job_id') AS job_id,
            JSON_VALUE(ad, '$.content_hash') AS content_hash,
            JSON_VALUE(ad, '$.job_location') AS job_location,
            JSON_VALUE(ad, '$.job_classification') AS job_classification,
            JSON_VALUE(ad, '$.job_work_type') AS job_work_type,
            TIMESTAMP_MICROS(CAST(JSON_VALUE(ad, '$.job_posted_timestamp') AS INT64)) AS job_posted_timestamp,
            CAST(JSON_VALUE(ad, '$.salary_mid') AS FLOAT64) AS salary_mid
        FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
    ),
    donors AS (
        SELECT content_hash, embedding, model_name, created_at, embedding_space, model_version
        FROM {job_embeddings} AS stored
        WHERE embedding_space = @space
            AND (@since IS NULL OR created_at >= @since)
            AND content_hash IN (SELECT content_hash FROM ads)
            AND NOT EXISTS (
                SELECT 1 FROM {forgotten_ads} AS gone
                WHERE gone.source = stored.source AND gone.job_id = stored.job_id
            )
        QUALIFY ROW_NUMBER() OVER (PARTITION BY content_hash ORDER BY created_at DESC, source, job_id) = 1
    )
    SELECT ads.*, donors.* EXCEPT (content_hash)
    FROM ads
    JOIN donors ON donors.content_hash = ads.content_hash
) AS staged
ON stored.source = staged.source AND stored.job_id = staged.job_id
WHEN MATCHED THEN UPDATE SET
    embedding = staged.embedding,
    model_name = staged.model_name,
    created_at = staged.created_at,
    embedding_space = staged.embedding_space,
    model_version = staged.model_version,
    content_hash = staged.content_hash,
    job_location = staged.job_location,
    job_classification = staged.job_classification,
    job_work_type = staged.job_work_type,
    job_posted_timestamp = staged.job_posted_timestamp,
    salary_mid = staged.salary_mid
WHEN NOT MATCHED THEN INSERT (
    source, job_id, embedding, model_name, created_at, embedding_space, model_version, content_hash,
    job_location, job_classification, job_work_type, job_posted_timestamp, salary_mid
) VALUES (
    staged.source, staged.job_id, staged.embedding, staged.model_name, staged.created_at,
    staged.embedding_space, staged.model_version, staged.content_hash, staged.job_location,
    staged.job_classification, staged.job_work_type, staged.job_posted_timestamp, staged.salary_mid
);
