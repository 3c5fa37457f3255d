-- Makes room for the newer state of a run. $1 run_id.
DELETE FROM ml_runs WHERE run_id = $1;
