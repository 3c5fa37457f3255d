-- Tables (no views) of the file and their columns; staging tables belong to a connection and are not among them.
SELECT table_name, column_name, data_type, is_nullable = 'NO' AND column_default IS NULL AS must_be_given
FROM information_schema.columns
WHERE table_catalog = current_database()
    AND table_schema = 'main'
    AND table_name IN (SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE')
ORDER BY table_name, ordinal_position;
