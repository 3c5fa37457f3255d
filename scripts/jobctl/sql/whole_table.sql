-- All rows of one table.
SELECT * FROM {table}
