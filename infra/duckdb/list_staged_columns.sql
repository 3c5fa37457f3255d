-- Columns of this connection's temporary table of that name. $1 its name.
SELECT table_name, column_name, data_type
FROM information_schema.columns
WHERE table_catalog = 'temp' AND table_name = $1
ORDER BY ordinal_position;
