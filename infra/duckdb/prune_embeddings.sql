-- Removes the rows of ads that were taken down. $1 tasks, $2 this task, $3 source or NULL.
DELETE FROM job_embeddings
WHERE ($3 IS NULL OR source = $3)
    AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
    AND NOT EXISTS (
        SELECT 1 FROM cleaned_jobs AS ad
        WHERE ad.source = job_embeddings.source AND ad.job_id = job_embeddings.job_id
    );
