-- One row a run: its own ending, whatever a later run took it for; else the state that was recorded last. A row of an earlier
-- version, which has no recorded_at, is the oldest.
CREATE VIEW IF NOT EXISTS {vw_runs} AS
SELECT function, run_id, started_at, finished_at, status, report, code_version, recorded_at
FROM {ml_runs}
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run_id
    ORDER BY
        CASE WHEN status IN ('succeeded', 'interrupted', 'failed') THEN 0 ELSE 1 END,
        recorded_at DESC NULLS LAST,
        -- States of one moment: the later ones of a run first, and then any order, but always the same.
        CASE status WHEN 'abandoned' THEN 0 WHEN 'running' THEN 1 ELSE 2 END,
        finished_at DESC NULLS LAST, status, report, code_version, function, started_at
) = 1;
