-- Every row of one space. Vectors are returned as text: in an array, the API returns each element as an object.
SELECT
    source, job_id, TO_JSON_STRING(embedding) AS embedding, model_name,
    UNIX_MICROS(created_at) AS created_at, embedding_space,
    model_version, content_hash, job_location, job_classification, job_work_type,
    UNIX_MICROS(job_posted_timestamp) AS job_posted_timestamp, salary_mid
FROM {job_embeddings} AS stored
WHERE embedding_space = @space
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
