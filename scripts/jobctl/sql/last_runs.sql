-- The newest runs of all functions.
SELECT function, run_id, status, started_at, finished_at, code_version
FROM vw_runs
ORDER BY started_at DESC, run_id DESC
LIMIT 5
