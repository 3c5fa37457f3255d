-- Joins the staged ads to the newest vector of their text. $1 space.
INSERT INTO staged_embeddings
SELECT
    staged.source, staged.job_id, donor.embedding, donor.model_name, donor.created_at, donor.embedding_space,
    donor.model_version, staged.content_hash, staged.job_location, staged.job_classification,
    staged.job_work_type, staged.job_posted_timestamp, staged.salary_mid
FROM staged_shared AS staged
JOIN (
    SELECT * FROM job_embeddings
    WHERE embedding_space = $1 AND content_hash IN (SELECT content_hash FROM staged_shared)
    QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY created_at DESC, source, job_id) = 1
) AS donor ON donor.content_hash = staged.content_hash;
