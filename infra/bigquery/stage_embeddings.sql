-- Staging table of the rows to write to job_embeddings. It is dropped after the merge; after a killed run, it
-- expires.
CREATE TABLE IF NOT EXISTS {staged_embeddings} (
    source STRING,
    job_id STRING,
    embedding ARRAY<FLOAT64>,
    model_name STRING,
    created_at TIMESTAMP,
    embedding_space STRING,
    model_version STRING,
    content_hash STRING,
    job_location STRING,
    job_classification STRING,
    job_work_type STRING,
    job_posted_timestamp TIMESTAMP,
    salary_mid FLOAT64
)
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY));
