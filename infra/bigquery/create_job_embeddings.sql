-- One row for each ad: the vector of its current text, and the columns that filters need.
CREATE TABLE IF NOT EXISTS {job_embeddings} (
    source STRING NOT NULL,
    job_id STRING NOT NULL,
    embedding ARRAY<FLOAT64>,
    model_name STRING NOT NULL,
    created_at TIMESTAMP NOT NULL,
    embedding_space STRING NOT NULL,
    model_version STRING NOT NULL,
    content_hash STRING NOT NULL,
    job_location STRING,
    job_classification STRING,
    job_work_type STRING,
    job_posted_timestamp TIMESTAMP,
    salary_mid FLOAT64
)
PARTITION BY DATE(created_at)
CLUSTER BY source, job_id
OPTIONS (labels = [("dimension", "{dimension}")]);
