-- One past the greatest row number.
SELECT coalesce(max(rowid) + 1, 0) FROM {job_embeddings};
