-- Puts the staged rows in place of those that their ads had.
MERGE INTO job_embeddings AS stored
USING staged_embeddings AS staged
ON stored.source = staged.source AND stored.job_id = staged.job_id
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *;
