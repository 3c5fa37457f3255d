-- Adds the staged rows of ads that have none, column by name.
INSERT INTO {job_embeddings} BY NAME
SELECT * FROM staged_embeddings
ANTI JOIN {job_embeddings} AS stored USING (source, job_id);
