-- Which ad every row of a table is about.
SELECT source, job_id FROM {table}
