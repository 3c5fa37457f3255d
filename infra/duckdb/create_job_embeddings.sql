-- One row for each ad: the vector of its current text, and the columns that filters need.
CREATE TABLE IF NOT EXISTS {job_embeddings} (
    source VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    embedding FLOAT[{dimension}] NOT NULL,
    model_name VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    embedding_space VARCHAR NOT NULL,
    model_version VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    job_location VARCHAR,
    job_classification VARCHAR,
    job_work_type VARCHAR,
    job_posted_timestamp TIMESTAMP,
    salary_mid DOUBLE
);
