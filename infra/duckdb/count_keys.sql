-- Number of rows that a table, possibly of another program, has of each staged ad, by stored key. White space
-- around a key is ignored.
SELECT stored.source::VARCHAR, stored.job_id::VARCHAR, count(*)
FROM {table} AS stored
SEMI JOIN staged_keys AS asked
    ON regexp_replace(asked.source, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g') = regexp_replace(stored.source::VARCHAR, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g')
    AND regexp_replace(asked.job_id, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g') = regexp_replace(stored.job_id::VARCHAR, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g')
GROUP BY ALL;
