-- Adds a tombstone for each ad of @ads that has none; existing tombstones keep their moment.
MERGE {forgotten_ads} AS stored
USING (
    SELECT DISTINCT JSON_VALUE(ad, '$.source') AS source, JSON_VALUE(ad, '$.job_id') AS job_id
    FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
) AS ad
ON stored.source = ad.source AND stored.job_id = ad.job_id
WHEN NOT MATCHED THEN INSERT (source, job_id, forgotten_at) VALUES (ad.source, ad.job_id, @forgotten_at);
