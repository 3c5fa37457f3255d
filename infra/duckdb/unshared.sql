-- Staged ads whose text has no vector.
SELECT source, job_id FROM staged_shared
ANTI JOIN staged_embeddings USING (source, job_id);
