-- Removes the rows of ads that are no longer in cleaned_jobs or were taken down. $1 number of tasks, $2 this task,
-- $3 source or NULL; $4 number of parts, $5 this part. Each part compares a fraction of the keys, so that the
-- statement's hash table is small for tables of any size.
DELETE FROM {job_embeddings} AS stored
WHERE ($3 IS NULL OR source = $3)
    AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
    AND hash(source, job_id) % $4 = $5
    AND NOT EXISTS (
        SELECT 1 FROM {cleaned_jobs} AS ad
        WHERE ad.source = stored.source
            AND ad.job_id = stored.job_id
            AND hash(ad.source, ad.job_id) % $4 = $5
            AND NOT EXISTS (
                SELECT 1 FROM {forgotten_ads} AS gone
                WHERE gone.source = ad.source AND gone.job_id = ad.job_id
            )
    );
