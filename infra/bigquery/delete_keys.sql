-- Removes the ads of @ads from a table, possibly of another program, whose keys may have other types.
DELETE FROM {table} AS stored
WHERE EXISTS (
    SELECT 1 FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
    WHERE JSON_VALUE(ad, '$.source') = CAST(stored.source AS STRING)
        AND JSON_VALUE(ad, '$.job_id') = CAST(stored.job_id AS STRING)
);
