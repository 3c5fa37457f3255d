-- Row number of the newest vector of each staged text. $1 space, $2 written since, in microseconds since 1970, or
-- NULL.
SELECT arg_max(rowid, created_at) AS donor
FROM {job_embeddings} AS stored
WHERE embedding_space = $1
    AND ($2 IS NULL OR created_at >= make_timestamp($2))
    AND content_hash IN (SELECT content_hash FROM staged_shared)
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    )
GROUP BY content_hash
ORDER BY donor;
