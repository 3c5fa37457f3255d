-- Removes the staged ads from one table, which others may have made: its keys may be of other types.
DELETE FROM job_embeddings USING staged_keys
WHERE job_embeddings.source::VARCHAR = staged_keys.source AND job_embeddings.job_id::VARCHAR = staged_keys.job_id;
