-- Temporary table of the ads that reuse the vector of a text that is embedded already.
CREATE OR REPLACE TEMP TABLE staged_shared (
    source VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    job_location VARCHAR,
    job_classification VARCHAR,
    job_work_type VARCHAR,
    job_posted_timestamp TIMESTAMP,
    salary_mid DOUBLE
);
