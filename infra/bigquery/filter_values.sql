-- Distinct values of a column in the rows of one space.
SELECT DISTINCT {value_column}
FROM {job_embeddings}
WHERE embedding_space = @space AND {value_column} IS NOT NULL;
