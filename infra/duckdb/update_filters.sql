-- Updates the filter columns; does not change the vectors.
UPDATE {job_embeddings} AS stored SET
    job_location = staged.job_location,
    job_classification = staged.job_classification,
    job_work_type = staged.job_work_type,
    job_posted_timestamp = staged.job_posted_timestamp,
    salary_mid = staged.salary_mid
FROM staged_shared AS staged
WHERE stored.source = staged.source AND stored.job_id = staged.job_id;
