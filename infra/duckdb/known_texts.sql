-- The texts that have a vector. $1 hashes joined by commas, $2 space, $3 written since, in microseconds since 1970,
-- or NULL.
SELECT DISTINCT content_hash
FROM {job_embeddings} AS stored
WHERE embedding_space = $2
    AND content_hash IN (SELECT unnest(string_split($1, ',')))
    AND ($3 IS NULL OR created_at >= make_timestamp($3))
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
