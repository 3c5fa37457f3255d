-- The table's vector index, for hundreds of queries at once. An index of this type stores no other columns.
CREATE VECTOR INDEX IF NOT EXISTS {job_embeddings}_embedding ON {job_embeddings}(embedding)
OPTIONS (index_type = 'TREE_AH', distance_type = 'COSINE');
