-- A tombstone for each staged ad that has none; the moment of the first takedown stays. $1 now, in microseconds.
INSERT INTO {forgotten_ads} (source, job_id, forgotten_at)
SELECT DISTINCT source, job_id, make_timestamp($1)
FROM staged_keys
ANTI JOIN {forgotten_ads} USING (source, job_id);
