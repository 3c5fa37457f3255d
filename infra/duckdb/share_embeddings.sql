-- Joins the staged ads to the newest vector of their text. $1 space, $2 written since or NULL.
-- Donors are found by row number first, so that no vector is carried through an aggregate.
INSERT INTO staged_embeddings
WITH donors AS (
    SELECT content_hash, arg_max(rowid, created_at) AS donor
    FROM job_embeddings
    WHERE embedding_space = $1
        AND ($2 IS NULL OR created_at >= $2)
        AND content_hash IN (SELECT content_hash FROM staged_shared)
    GROUP BY content_hash
)
SELECT
    staged.source, staged.job_id, stored.embedding, stored.model_name, stored.created_at, stored.embedding_space,
    stored.model_version, staged.content_hash, staged.job_location, staged.job_classification,
    staged.job_work_type, staged.job_posted_timestamp, staged.salary_mid
FROM staged_shared AS staged
JOIN donors USING (content_hash)
JOIN job_embeddings AS stored ON stored.rowid = donors.donor;
