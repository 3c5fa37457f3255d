-- One row a run of any function.
CREATE TABLE IF NOT EXISTS ml_runs (
    function STRING NOT NULL,
    run_id STRING NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    status STRING NOT NULL,
    report STRING NOT NULL,
    code_version STRING NOT NULL
)
PARTITION BY DATE(started_at);
