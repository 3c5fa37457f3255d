-- Removes the rows that the staged rows replace. DELETE and INSERT instead of MERGE, which reads every stored
-- vector to find the keys (DuckDB 1.5).
DELETE FROM {job_embeddings} AS stored USING staged_embeddings AS staged
WHERE stored.source = staged.source AND stored.job_id = staged.job_id;
