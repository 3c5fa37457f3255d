-- The table's vector index, for one query or a few at a time. It stores the columns that filters and results need.
CREATE VECTOR INDEX IF NOT EXISTS {job_embeddings}_embedding ON {job_embeddings}(embedding)
STORING (
    source, job_id, content_hash, embedding_space, job_location, job_classification, job_work_type,
    job_posted_timestamp, salary_mid
)
OPTIONS (index_type = 'IVF', distance_type = 'COSINE', ivf_options = '{"num_lists": 100}');
