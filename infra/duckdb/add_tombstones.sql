-- Adds a tombstone for each staged ad that has none; existing tombstones keep their moment. $1 current time in
-- microseconds.
INSERT INTO {forgotten_ads} (source, job_id, forgotten_at)
SELECT DISTINCT source, job_id, make_timestamp($1)
FROM staged_keys
ANTI JOIN {forgotten_ads} USING (source, job_id);
