-- Removes the staged ads from a table, possibly of another program, whose keys may have other types.
DELETE FROM {table} USING staged_keys
WHERE {table}.source::VARCHAR = staged_keys.source AND {table}.job_id::VARCHAR = staged_keys.job_id;
