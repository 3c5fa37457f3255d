-- Updates existing rows from the staged rows, in a table with columns of its owner, which keep their values. Reads
-- every stored vector (DuckDB 1.5); replace_embeddings.sql is used for a table without such columns.
UPDATE {job_embeddings} AS stored SET
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
FROM staged_embeddings AS staged
WHERE stored.source = staged.source AND stored.job_id = staged.job_id;
