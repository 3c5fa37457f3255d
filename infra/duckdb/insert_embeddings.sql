-- Adds the staged rows, column by name: the table may have its columns in another order, and more of them.
INSERT INTO {job_embeddings} BY NAME SELECT * FROM staged_embeddings;
