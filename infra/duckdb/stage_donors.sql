-- Temporary table of the rows whose vectors are reused by other ads with the same text.
CREATE OR REPLACE TEMP TABLE donors AS
SELECT content_hash, embedding, model_name, created_at, embedding_space, model_version
FROM {job_embeddings}
LIMIT 0;
