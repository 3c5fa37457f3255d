-- Temporary table of the ads to remove.
CREATE OR REPLACE TEMP TABLE staged_keys (source VARCHAR NOT NULL, job_id VARCHAR NOT NULL);
