-- The states of runs of any function: rows are added and never changed; vw_runs has a run's latest.
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
