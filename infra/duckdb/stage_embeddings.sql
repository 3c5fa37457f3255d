-- Rows on their way into job_embeddings, of this connection alone.
CREATE OR REPLACE TEMP TABLE staged_embeddings AS SELECT * FROM job_embeddings LIMIT 0;
