-- One page of embeddings: rows of a space with a row number in [$2, $3). $1 space.
SELECT
    source, job_id, embedding, model_name,
    epoch_us(within_calendar(created_at)) AS created_at, embedding_space, model_version, content_hash,
    job_location, job_classification, job_work_type,
    epoch_us(within_calendar(job_posted_timestamp)) AS job_posted_timestamp, salary_mid
FROM {job_embeddings} AS stored
WHERE rowid >= $2 AND rowid < $3 AND embedding_space = $1
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    )
ORDER BY rowid;
