-- Ads of @ads without a current row: their text has no vector.
SELECT ad.source, ad.job_id
FROM (
    SELECT
        JSON_VALUE(ad, '$.source') AS source,
        JSON_VALUE(ad, '$.job_id') AS job_id,
        JSON_VALUE(ad, '$.content_hash') AS content_hash
    FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
) AS ad
LEFT JOIN {job_embeddings} AS stored
    ON stored.source = ad.source
    AND stored.job_id = ad.job_id
    AND stored.content_hash = ad.content_hash
    AND stored.embedding_space = @space
    AND (@since IS NULL OR stored.created_at >= @since)
WHERE stored.job_id IS NULL;
