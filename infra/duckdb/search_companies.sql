-- search_embeddings.sql with a filter by companies: $11, a JSON array. An ad's company is that of its latest
-- sighting; sightings of ads that never had one of these companies are not compared.
WITH named AS (
    SELECT rowid AS sighting, source, job_id
    FROM {cleaned_jobs}
    WHERE company_name IN (SELECT unnest(json_extract_string($11, '$[*]')))
),
asked AS (
    SELECT DISTINCT source, job_id FROM named
),
{latest_sightings},
ads AS (
    SELECT source, job_id FROM named WHERE sighting IN (SELECT sighting FROM latest_sightings)
)
SELECT source, job_id, content_hash, similarity
FROM (
    SELECT
        source, job_id, content_hash,
        array_cosine_similarity(embedding, $1::VARCHAR::FLOAT[{dimension}]) AS similarity
    FROM {job_embeddings} AS stored
    SEMI JOIN ads USING (source, job_id)
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
WHERE NOT isnan(similarity) AND ($4 IS NULL OR similarity >= $4)
ORDER BY similarity DESC, source, job_id
LIMIT $3;
