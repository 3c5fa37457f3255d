-- Appends a state of a run.
INSERT INTO {ml_runs} (function, run_id, started_at, finished_at, status, report, code_version, recorded_at)
VALUES ($1, $2, make_timestamp($3), make_timestamp($4), $5, $6, $7, make_timestamp($8));
