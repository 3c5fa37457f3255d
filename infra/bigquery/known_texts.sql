-- Which of the texts have a vector. @hashes joined by commas, @since a moment or NULL.
SELECT DISTINCT content_hash
FROM job_embeddings
WHERE embedding_space = @space
    AND content_hash IN (SELECT digits FROM UNNEST(SPLIT(@hashes, ',')) AS digits)
    AND (@since IS NULL OR created_at >= @since);
