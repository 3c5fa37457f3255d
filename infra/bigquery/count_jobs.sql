-- How many ads a scan returns.
SELECT COUNT(*)
FROM (
    SELECT DISTINCT source, job_id
    FROM cleaned_jobs
    WHERE (@source IS NULL OR source = @source)
        AND (@shards = 1
            OR MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(CONCAT(source, '/', job_id))), 1, 8)) AS INT64), @shards) = @shard)
);
