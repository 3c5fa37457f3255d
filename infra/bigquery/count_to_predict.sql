-- Counts the ads to predict: those that scan_features.sql returns with the same part `selected`.
SELECT COUNT(*)
FROM (
    SELECT source, job_id
    FROM (
        {latest_jobs}
    ) AS latest
) AS ads
JOIN {job_embeddings} AS stored ON stored.source = ads.source AND stored.job_id = ads.job_id
WHERE stored.embedding_space = @space
    AND (@shards = 1
        OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(stored.source, '/', stored.job_id))), 1, 8)) AS INT64), @shards)
            = @shard)
    AND {selected};
