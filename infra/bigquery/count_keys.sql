-- How many rows of one table, which others may have made, are about each of the ads of @ads, by the stored key: white space
-- around a key makes no other ad.
SELECT CAST(stored.source AS STRING), CAST(stored.job_id AS STRING), COUNT(*)
FROM {table} AS stored
WHERE EXISTS (
    SELECT 1 FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
    WHERE TRIM(JSON_VALUE(ad, '$.source')) = TRIM(CAST(stored.source AS STRING))
        AND TRIM(JSON_VALUE(ad, '$.job_id')) = TRIM(CAST(stored.job_id AS STRING))
)
GROUP BY stored.source, stored.job_id;
