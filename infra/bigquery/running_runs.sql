-- Runs that have not ended: they are running or were killed.
SELECT function, run_id, started_at, report, code_version, COALESCE(recorded_at, started_at) AS recorded_at
FROM {vw_runs}
WHERE status = 'running'
ORDER BY started_at, run_id;
