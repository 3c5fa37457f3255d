-- An empty job_embeddings, used if the table does not exist yet, so that a dry run creates nothing.
(
    SELECT
        NULL::VARCHAR AS source, NULL::VARCHAR AS job_id, NULL::VARCHAR AS content_hash,
        NULL::VARCHAR AS embedding_space, NULL::VARCHAR AS job_location, NULL::VARCHAR AS job_classification,
        NULL::VARCHAR AS job_work_type, NULL::TIMESTAMP AS job_posted_timestamp, NULL::DOUBLE AS salary_mid
    WHERE false
)
