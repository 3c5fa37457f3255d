-- Tables and views of the file with their columns, without staging tables, which belong to a connection.
SELECT
    columns.table_name, column_name, data_type, is_nullable = 'NO' AND column_default IS NULL AS must_be_given,
    tables.table_type = 'VIEW' AS is_view
FROM information_schema.columns AS columns
JOIN information_schema.tables AS tables USING (table_catalog, table_schema, table_name)
WHERE table_catalog = current_database() AND table_schema = 'main' AND tables.table_type IN ('BASE TABLE', 'VIEW')
ORDER BY columns.table_name, ordinal_position;
