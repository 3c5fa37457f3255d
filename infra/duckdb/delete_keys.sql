-- Removes the staged ads from one table.
DELETE FROM job_embeddings USING staged_keys
WHERE job_embeddings.source = staged_keys.source AND job_embeddings.job_id = staged_keys.job_id;
