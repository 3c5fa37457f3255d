-- Runs that have not ended, or were killed.
SELECT function, run_id, started_at, report, code_version, COALESCE(recorded_at, started_at) AS recorded_at
FROM {vw_runs}
WHERE status = 'running'
ORDER BY started_at, run_id;
