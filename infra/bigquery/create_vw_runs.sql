-- One row for each run: the end that the run recorded itself, otherwise the state that was recorded last. Rows of
-- an earlier version have no recorded_at and count as oldest.
CREATE VIEW IF NOT EXISTS {vw_runs} AS
SELECT function, run_id, started_at, finished_at, status, report, code_version, recorded_at
FROM {ml_runs}
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run_id
    ORDER BY
        CASE WHEN status IN ('succeeded', 'interrupted', 'failed') THEN 0 ELSE 1 END,
        recorded_at DESC NULLS LAST,
        -- Ties: later states of a run first, then an arbitrary but fixed order.
        CASE status WHEN 'abandoned' THEN 0 WHEN 'running' THEN 1 ELSE 2 END,
        finished_at DESC NULLS LAST, status, report, code_version, function, started_at
) = 1;
