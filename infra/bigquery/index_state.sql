-- What the rows of one space are, without their vectors.
SELECT
    COUNT(*),
    MAX(created_at),
    BIT_XOR(
        FARM_FINGERPRINT(
            TO_JSON_STRING(
                STRUCT(
                    source, job_id, content_hash, job_location, job_classification, job_work_type,
                    job_posted_timestamp, salary_mid
                )
            )
        )
    )
FROM job_embeddings
WHERE embedding_space = @space;
