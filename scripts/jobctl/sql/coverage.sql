-- How much of cleaned_jobs one embeddings table covers.
SELECT
    (SELECT count(*) FROM {table}) AS row_count,
    (SELECT count(DISTINCT embedding_space) FROM {table}) AS spaces,
    (SELECT count(DISTINCT model_version) FROM {table}) AS model_versions,
    (
        SELECT count(*)
        FROM (SELECT DISTINCT source, job_id FROM cleaned_jobs) AS ad
        JOIN (SELECT DISTINCT source, job_id FROM {table}) AS stored
            ON ad.source = stored.source AND ad.job_id = stored.job_id
    ) AS ads_embedded
