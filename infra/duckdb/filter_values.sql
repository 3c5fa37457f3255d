-- What a column of one space's rows says, each value once. $1 space.
SELECT DISTINCT {value_column}
FROM {job_embeddings}
WHERE embedding_space = $1 AND {value_column} IS NOT NULL;
