-- States of the functions' runs: append-only. The view vw_runs has one row per run: its own
-- end, otherwise its latest state.
CREATE TABLE IF NOT EXISTS {ml_runs} (
    function STRING NOT NULL,
    run_id STRING NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    status STRING NOT NULL,
    report STRING NOT NULL,
    code_version STRING NOT NULL,
    recorded_at TIMESTAMP
)
PARTITION BY DATE(started_at);
