-- Appends the states of the runs in @runs.
INSERT INTO {ml_runs} (function, run_id, started_at, finished_at, status, report, code_version, recorded_at)
SELECT
    JSON_VALUE(run, '$.function'),
    JSON_VALUE(run, '$.run_id'),
    TIMESTAMP_MICROS(CAST(JSON_VALUE(run, '$.started_at') AS INT64)),
    TIMESTAMP_MICROS(CAST(JSON_VALUE(run, '$.finished_at') AS INT64)),
    JSON_VALUE(run, '$.status'),
    JSON_VALUE(run, '$.report'),
    JSON_VALUE(run, '$.code_version'),
    TIMESTAMP_MICROS(CAST(JSON_VALUE(run, '$.recorded_at') AS INT64))
FROM UNNEST(JSON_QUERY_ARRAY(@runs)) AS run;
