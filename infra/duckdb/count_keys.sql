-- How many rows of one table, which others may have made, are about each of the staged ads.
SELECT stored.source::VARCHAR, stored.job_id::VARCHAR, count(*)
FROM job_embeddings AS stored
SEMI JOIN staged_keys AS asked
    ON asked.source = stored.source::VARCHAR AND asked.job_id = stored.job_id::VARCHAR
GROUP BY ALL;
