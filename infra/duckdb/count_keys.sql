-- How many rows of one table, which others may have made, are about each of the staged ads, by the stored key: white space around
-- a key makes no other ad.
SELECT stored.source::VARCHAR, stored.job_id::VARCHAR, count(*)
FROM {table} AS stored
SEMI JOIN staged_keys AS asked
    ON regexp_replace(asked.source, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g') = regexp_replace(stored.source::VARCHAR, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g')
    AND regexp_replace(asked.job_id, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g') = regexp_replace(stored.job_id::VARCHAR, '^[\s\x{85}\p{Z}]+|[\s\x{85}\p{Z}]+$', '', 'g')
GROUP BY ALL;
