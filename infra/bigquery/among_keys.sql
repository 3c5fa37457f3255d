-- Part of the statements that read ads to predict: the ads of @ads.
EXISTS (
    SELECT 1 FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS asked
    WHERE JSON_VALUE(asked, '$.source') = stored.source AND JSON_VALUE(asked, '$.job_id') = stored.job_id
)
