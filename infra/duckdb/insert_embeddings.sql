-- Inserts the staged rows by column name: the table may have another column order and further columns.
INSERT INTO {job_embeddings} BY NAME SELECT * FROM staged_embeddings;
