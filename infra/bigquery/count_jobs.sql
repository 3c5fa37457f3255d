-- Counts what a scan returns and leaves out: ads; sightings without a key (reported by the first task only); ads
-- that were taken down.
SELECT
    COUNT(*) - COUNT(gone.job_id),
    (
        SELECT COUNT(*)
        FROM {cleaned_jobs}
        WHERE @shard = 0
            AND (@source IS NULL OR source = @source)
            AND (COALESCE(source, '') = '' OR COALESCE(job_id, '') = '')
    ),
    COUNT(gone.job_id)
FROM (
    SELECT DISTINCT source, job_id
    FROM {cleaned_jobs}
    WHERE source <> '' AND job_id <> ''
        AND (@source IS NULL OR source = @source)
        AND (@shards = 1
            OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(source, '/', job_id))), 1, 8)) AS INT64), @shards) = @shard)
) AS ad
LEFT JOIN (SELECT DISTINCT source, job_id FROM {forgotten_ads} AS tombstone) AS gone
    ON gone.source = ad.source AND gone.job_id = ad.job_id;
