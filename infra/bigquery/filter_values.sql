-- What a column of one space's rows says, each value once.
SELECT DISTINCT {value_column}
FROM {job_embeddings}
WHERE embedding_space = @space AND {value_column} IS NOT NULL;
