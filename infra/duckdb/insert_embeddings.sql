-- Adds the staged rows.
INSERT INTO job_embeddings SELECT * FROM staged_embeddings;
