-- Vectors with masked pay of the ads of one page: embeddings of one space with a row number in [$2, $3). $1 space.
SELECT masked.source, masked.job_id, masked.embedding
FROM {job_embeddings_masked} AS masked
SEMI JOIN (
    SELECT source, job_id
    FROM {job_embeddings}
    WHERE rowid >= $2 AND rowid < $3 AND embedding_space = $1
) AS asked ON asked.source = masked.source AND asked.job_id = masked.job_id
WHERE masked.embedding_space = $1;
