-- Runs that have not ended: they are running or were killed.
SELECT
    function, run_id, UNIX_MICROS(run.started_at) AS started_at, report, code_version,
    UNIX_MICROS(COALESCE(run.recorded_at, run.started_at)) AS recorded_at
FROM {vw_runs} AS run
WHERE status = 'running'
ORDER BY started_at, run_id;
