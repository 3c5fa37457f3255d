-- search_embeddings.sql with a filter by companies, by an exact scan: an index search applies joins only to the
-- nearest rows that it has selected, and would find too few. An ad's company is that of its latest sighting.
WITH ads AS (
    SELECT source, job_id, company_name
    FROM (
        {latest_jobs}
    ) AS latest
),
found AS (
    SELECT
        stored.source, stored.job_id, stored.content_hash,
        1 - COSINE_DISTANCE(stored.embedding, @vector) AS similarity
    FROM {job_embeddings} AS stored
    JOIN ads ON ads.source = stored.source AND ads.job_id = stored.job_id
    WHERE stored.embedding_space = @space
        AND ads.company_name IN UNNEST(@companies)
        AND (IFNULL(ARRAY_LENGTH(@sources), 0) = 0 OR stored.source IN UNNEST(@sources))
        AND (IFNULL(ARRAY_LENGTH(@locations), 0) = 0 OR stored.job_location IN UNNEST(@locations))
        AND (IFNULL(ARRAY_LENGTH(@classifications), 0) = 0
            OR stored.job_classification IN UNNEST(@classifications))
        AND (IFNULL(ARRAY_LENGTH(@work_types), 0) = 0 OR stored.job_work_type IN UNNEST(@work_types))
        AND (@salary_min IS NULL
            OR (stored.salary_mid >= @salary_min AND NOT IS_INF(stored.salary_mid) AND NOT IS_NAN(stored.salary_mid)))
        AND (@posted_after IS NULL OR stored.job_posted_timestamp >= @posted_after)
)
SELECT source, job_id, content_hash, similarity
FROM found
WHERE @min_similarity IS NULL OR similarity >= @min_similarity
ORDER BY similarity DESC, source, job_id
LIMIT @top_k;
