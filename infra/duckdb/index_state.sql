-- What the rows of one space are, without their vectors. $1 space.
SELECT
    count(*),
    max(created_at),
    coalesce(
        bit_xor(
            hash(
                source, job_id, content_hash, job_location, job_classification, job_work_type,
                job_posted_timestamp, salary_mid
            )
        ),
        0
    )::UBIGINT
FROM job_embeddings
WHERE embedding_space = $1;
