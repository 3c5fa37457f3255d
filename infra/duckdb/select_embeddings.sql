-- Selects the rows of job_embeddings whose ads are predicted, among the ads of one space and task that are in
-- cleaned_jobs. $1 space, $2 number of tasks, $3 this task; the part `selected` may have further parameters.
INSERT INTO selected_embeddings
SELECT stored.rowid AS embedding
FROM {job_embeddings} AS stored
WHERE stored.embedding_space = $1
    AND ($2 = 1 OR ('0x' || left(sha256(stored.source || '/' || stored.job_id), 8))::BIGINT % $2 = $3)
    AND EXISTS (
        SELECT 1 FROM {cleaned_jobs} AS ad
        WHERE ad.source = stored.source AND ad.job_id = stored.job_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    )
    AND {selected}
ORDER BY embedding;
