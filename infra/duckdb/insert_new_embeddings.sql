-- Inserts the staged rows of ads that have no row, by column name.
INSERT INTO {job_embeddings} BY NAME
SELECT * FROM staged_embeddings
ANTI JOIN {job_embeddings} AS stored USING (source, job_id);
