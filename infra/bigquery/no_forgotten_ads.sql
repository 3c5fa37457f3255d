-- Stands in for a forgotten_ads that does not exist yet, in a warehouse that is only read.
(
    SELECT CAST(NULL AS STRING) AS source, CAST(NULL AS STRING) AS job_id
    FROM UNNEST(CAST([] AS ARRAY<INT64>))
)
