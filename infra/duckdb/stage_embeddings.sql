-- Temporary table of the rows to write to job_embeddings.
CREATE OR REPLACE TEMP TABLE staged_embeddings AS
SELECT
    source, job_id, embedding, model_name, created_at, embedding_space, model_version, content_hash,
    job_location, job_classification, job_work_type, job_posted_timestamp, salary_mid
FROM {job_embeddings}
LIMIT 0;
