-- The rows nearest to a vector, by an exact scan of the rows that pass the filters. $1 vector as text, $2 space, $3
-- maximum number of rows, $4 minimum similarity or NULL; $5 sources, $6 locations, $7 classifications, $8 work
-- types: JSON arrays of stored values (filter_values.sql), empty for no filter; $9 minimum salary or NULL, $10
-- earliest posting, in microseconds since 1970, or NULL.
SELECT source, job_id, content_hash, similarity
FROM (
    SELECT
        source, job_id, content_hash,
        array_cosine_similarity(embedding, $1::VARCHAR::FLOAT[{dimension}]) AS similarity
    FROM {job_embeddings} AS stored
    WHERE embedding_space = $2
        AND ($5 = '[]' OR source IN (SELECT unnest(json_extract_string($5, '$[*]'))))
        AND ($6 = '[]' OR job_location IN (SELECT unnest(json_extract_string($6, '$[*]'))))
        AND ($7 = '[]' OR job_classification IN (SELECT unnest(json_extract_string($7, '$[*]'))))
        AND ($8 = '[]' OR job_work_type IN (SELECT unnest(json_extract_string($8, '$[*]'))))
        AND ($9 IS NULL OR (salary_mid >= $9 AND isfinite(salary_mid)))
        AND ($10 IS NULL OR job_posted_timestamp >= make_timestamp($10))
        AND NOT EXISTS (
            SELECT 1 FROM {forgotten_ads} AS gone
            WHERE gone.source = stored.source AND gone.job_id = stored.job_id
        )
)
-- The similarity of a zero vector is NaN, which would sort first.
WHERE NOT isnan(similarity) AND ($4 IS NULL OR similarity >= $4)
ORDER BY similarity DESC, source, job_id
LIMIT $3;
