-- The state of a run, in place of an earlier one.
MERGE ml_runs AS stored
USING (SELECT @run_id AS run_id) AS run
ON stored.run_id = run.run_id
WHEN MATCHED THEN UPDATE SET
    function = @function, started_at = @started_at, finished_at = @finished_at, status = @status, report = @report,
    code_version = @code_version
WHEN NOT MATCHED THEN INSERT (function, run_id, started_at, finished_at, status, report, code_version)
VALUES (@function, @run_id, @started_at, @finished_at, @status, @report, @code_version);
