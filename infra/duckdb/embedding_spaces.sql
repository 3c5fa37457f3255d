-- The spaces with their number of rows.
SELECT embedding_space, count(*) AS embedded
FROM {job_embeddings}
GROUP BY embedding_space
ORDER BY embedded DESC, embedding_space;
