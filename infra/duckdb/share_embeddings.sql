-- Stages a row for each staged ad, with the vector of its text.
INSERT INTO staged_embeddings BY NAME
SELECT
    staged.source, staged.job_id, donors.embedding, donors.model_name, donors.created_at, donors.embedding_space,
    donors.model_version, staged.content_hash, staged.job_location, staged.job_classification,
    staged.job_work_type, staged.job_posted_timestamp, staged.salary_mid
FROM staged_shared AS staged
JOIN donors USING (content_hash);
