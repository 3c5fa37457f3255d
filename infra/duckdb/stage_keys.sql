-- Ads to remove, of this connection alone.
CREATE OR REPLACE TEMP TABLE staged_keys (source VARCHAR NOT NULL, job_id VARCHAR NOT NULL);
