-- Runs that have not ended: they are running or were killed.
SELECT
    function, run_id, epoch_us(within_calendar(started_at)), report, code_version,
    epoch_us(within_calendar(COALESCE(recorded_at, started_at)))
FROM {vw_runs}
WHERE status = 'running'
ORDER BY started_at, run_id;
