-- Removes the ads of @ads from one table.
DELETE FROM job_embeddings AS stored
WHERE EXISTS (
    SELECT 1 FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
    WHERE JSON_VALUE(ad, '$.source') = stored.source AND JSON_VALUE(ad, '$.job_id') = stored.job_id
);
