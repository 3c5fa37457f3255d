-- Three ads from different parts of the table, each with the nearest ad that has another text.
WITH ads AS (
    SELECT source, job_id, arg_max(job_title, scrape_timestamp) AS title
    FROM cleaned_jobs
    WHERE job_title <> ''
    GROUP BY source, job_id
),
embedded AS (
    SELECT job_embeddings.*, ads.title
    FROM job_embeddings
    JOIN ads USING (source, job_id)
),
picked AS (
    SELECT DISTINCT ON (content_hash) * FROM embedded ORDER BY content_hash LIMIT 3
)
SELECT
    picked.title AS ad,
    arg_max(other.title, array_cosine_similarity(picked.embedding, other.embedding)) AS nearest,
    round(max(array_cosine_similarity(picked.embedding, other.embedding))::DOUBLE, 3) AS similarity
FROM picked
JOIN embedded AS other ON other.content_hash <> picked.content_hash AND other.title <> picked.title
GROUP BY picked.content_hash, picked.title
ORDER BY picked.content_hash;
