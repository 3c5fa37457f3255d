-- Part of select_embeddings.sql: the staged ads.
EXISTS (
    SELECT 1 FROM staged_keys AS asked
    WHERE asked.source = stored.source AND asked.job_id = stored.job_id
)
