-- Names and types of a table's columns, without a row.
SELECT * FROM {table} LIMIT 0
