-- Rows whose vectors are given to other ads of the same text, of this connection alone.
CREATE OR REPLACE TEMP TABLE donors AS SELECT * FROM job_embeddings LIMIT 0;
