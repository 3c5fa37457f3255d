-- Everything in one table.
SELECT * FROM {table}
