-- An empty job_embeddings, used if the table does not exist yet, so that a dry run creates nothing.
(
    SELECT
        CAST(NULL AS STRING) AS source, CAST(NULL AS STRING) AS job_id, CAST(NULL AS STRING) AS content_hash,
        CAST(NULL AS ARRAY<FLOAT64>) AS embedding,
        CAST(NULL AS STRING) AS embedding_space, CAST(NULL AS STRING) AS job_location,
        CAST(NULL AS STRING) AS job_classification, CAST(NULL AS STRING) AS job_work_type,
        CAST(NULL AS TIMESTAMP) AS job_posted_timestamp, CAST(NULL AS FLOAT64) AS salary_mid
    FROM UNNEST(CAST([] AS ARRAY<INT64>))
)
