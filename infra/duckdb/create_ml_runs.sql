-- The states of runs of any function: rows are added and never changed; vw_runs has a run's latest.
CREATE TABLE IF NOT EXISTS {ml_runs} (
    function VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    status VARCHAR NOT NULL,
    report VARCHAR NOT NULL,
    code_version VARCHAR NOT NULL,
    recorded_at TIMESTAMP
);
