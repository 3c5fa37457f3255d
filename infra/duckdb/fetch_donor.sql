-- Reads one row by its number, which takes the same time in a table of any size; a join on row numbers reads every
-- vector.
INSERT INTO donors BY NAME
SELECT content_hash, embedding, model_name, created_at, embedding_space, model_version
FROM {job_embeddings}
WHERE rowid = $1;
