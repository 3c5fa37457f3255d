-- Temporary table of the rows of job_embeddings whose ads are predicted.
CREATE OR REPLACE TEMP TABLE selected_embeddings (embedding BIGINT NOT NULL);
