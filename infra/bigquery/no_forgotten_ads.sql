-- An empty forgotten_ads, used if the table does not exist yet in a warehouse that is open for reading.
(
    SELECT CAST(NULL AS STRING) AS source, CAST(NULL AS STRING) AS job_id
    FROM UNNEST(CAST([] AS ARRAY<INT64>))
)
