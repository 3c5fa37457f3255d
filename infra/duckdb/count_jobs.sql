-- How many ads a scan returns. $1 tasks, $2 this task, $3 source or NULL.
SELECT count(*)
FROM (
    SELECT DISTINCT source, job_id
    FROM cleaned_jobs
    WHERE ($3 IS NULL OR source = $3)
        AND ($1 = 1 OR ('0x' || left(sha256(source || '/' || job_id), 8))::BIGINT % $1 = $2)
);
