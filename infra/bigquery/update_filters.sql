-- Updates the filter columns of the ads of @ads; does not change the vectors.
UPDATE {job_embeddings} AS stored SET
    job_location = staged.job_location,
    job_classification = staged.job_classification,
    job_work_type = staged.job_work_type,
    job_posted_timestamp = staged.job_posted_timestamp,
    salary_mid = staged.salary_mid
FROM (
    SELECT
        JSON_VALUE(ad, '$.source') AS source,
        JSON_VALUE(ad, '$.job_id') AS job_id,
        JSON_VALUE(ad, '$.job_location') AS job_location,
        JSON_VALUE(ad, '$.job_classification') AS job_classification,
        JSON_VALUE(ad, '$.job_work_type') AS job_work_type,
        TIMESTAMP_MICROS(CAST(JSON_VALUE(ad, '$.job_posted_timestamp') AS INT64)) AS job_posted_timestamp,
        CAST(JSON_VALUE(ad, '$.salary_mid') AS FLOAT64) AS salary_mid
    FROM UNNEST(JSON_QUERY_ARRAY(@ads)) AS ad
) AS staged
WHERE stored.source = staged.source AND stored.job_id = staged.job_id;
