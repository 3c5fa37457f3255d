-- The newest runs of all functions in a warehouse that was last written by a version without vw_runs: one row a run.
SELECT function, run_id, status, started_at, finished_at, code_version
FROM ml_runs
ORDER BY started_at DESC, run_id DESC
LIMIT 5
