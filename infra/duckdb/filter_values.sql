-- Distinct values of a column in the rows of one space. $1 space.
SELECT DISTINCT {value_column}
FROM {job_embeddings}
WHERE embedding_space = $1 AND {value_column} IS NOT NULL;
