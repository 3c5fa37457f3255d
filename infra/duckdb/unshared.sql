-- Staged ads whose text has no vector yet.
SELECT source, job_id FROM staged_shared
ANTI JOIN staged_embeddings USING (source, job_id);
