-- Inserts the staged rows, or updates the existing rows of their ads. A single statement, because concurrent
-- transactions that change the same table abort each other, while concurrent merges wait for each other.
MERGE {job_embeddings} AS stored
USING {staged_embeddings} AS staged
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
