-- How many ads a scan returns, and how many sightings it leaves out because they name no ad: those are the first task's.
SELECT
    COUNT(*),
    (
        SELECT COUNT(*)
        FROM cleaned_jobs
        WHERE @shard = 0
            AND (@source IS NULL OR source = @source)
            AND (COALESCE(source, '') = '' OR COALESCE(job_id, '') = '')
    )
FROM (
    SELECT DISTINCT source, job_id
    FROM cleaned_jobs
    WHERE source <> '' AND job_id <> ''
        AND (@source IS NULL OR source = @source)
        AND (@shards = 1
            OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(source, '/', job_id))), 1, 8)) AS INT64), @shards) = @shard)
);
