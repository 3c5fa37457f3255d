-- The texts that have a vector. @hashes joined by commas, @since a moment or NULL.
SELECT DISTINCT content_hash
FROM {job_embeddings} AS stored
WHERE embedding_space = @space
    AND content_hash IN (SELECT digits FROM UNNEST(SPLIT(@hashes, ',')) AS digits)
    AND (@since IS NULL OR created_at >= @since)
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = stored.source AND gone.job_id = stored.job_id
    );
