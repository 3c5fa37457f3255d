-- Removes the staged ads from one table, which others may have made: its keys may be of other types.
DELETE FROM {table} USING staged_keys
WHERE {table}.source::VARCHAR = staged_keys.source AND {table}.job_id::VARCHAR = staged_keys.job_id;
