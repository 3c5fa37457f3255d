-- The newest runs of all functions, for a warehouse whose last writer did not create vw_runs: ml_runs has one row a run.
SELECT function, run_id, status, started_at, finished_at, code_version
FROM ml_runs
ORDER BY started_at DESC, run_id DESC
LIMIT 5
