-- States of the functions' runs: append-only. The view vw_runs has the latest state of each run.
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
