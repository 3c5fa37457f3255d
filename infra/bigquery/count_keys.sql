-- Number of rows that a table, possibly of another program, has of each ad of @ads, by stored key. White space
-- around a key is ignored.
SELECT CAST(stored.source AS STRING), CAST(stored.job_id AS STRING), COUNT(*)
FROM {table} AS stored
WHERE EXISTS (
    SELECT 1 FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
    WHERE TRIM(JSON_VALUE(ad, '$.source')) = TRIM(CAST(stored.source AS STRING))
        AND TRIM(JSON_VALUE(ad, '$.job_id')) = TRIM(CAST(stored.job_id AS STRING))
)
GROUP BY stored.source, stored.job_id;
