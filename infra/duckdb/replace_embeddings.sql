-- Removes the rows that the staged ones replace. DELETE and INSERT instead of MERGE, which reads every stored vector
-- to find the keys (DuckDB 1.5).
DELETE FROM job_embeddings USING staged_embeddings AS staged
WHERE job_embeddings.source = staged.source AND job_embeddings.job_id = staged.job_id;
