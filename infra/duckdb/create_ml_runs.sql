-- States of the functions' runs: append-only. The view vw_runs has one row per run: its own
-- end, otherwise its latest state.
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
