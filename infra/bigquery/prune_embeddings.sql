-- Removes the rows of ads that are no longer in cleaned_jobs or were taken down.
DELETE FROM {job_embeddings} AS stored
WHERE (@source IS NULL OR source = @source)
    AND (@shards = 1
        OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(source, '/', job_id))), 1, 8)) AS INT64), @shards) = @shard)
    AND NOT EXISTS (
        SELECT 1
        FROM (
            SELECT source, job_id FROM {cleaned_jobs}
            EXCEPT DISTINCT
            SELECT source, job_id FROM {forgotten_ads} AS tombstone
        ) AS ad
        WHERE ad.source = stored.source AND ad.job_id = stored.job_id
    );
