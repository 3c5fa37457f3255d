-- Rows whose vectors are given to other ads of the same text, of this connection alone.
CREATE OR REPLACE TEMP TABLE donors AS
SELECT content_hash, embedding, model_name, created_at, embedding_space, model_version
FROM {job_embeddings}
LIMIT 0;
