-- Tables and views of the file with their columns, without staging tables, which belong to a connection.
SELECT
    columns.table_name, column_name, data_type, NOT is_nullable AND column_default IS NULL AS must_be_given,
    view_name IS NOT NULL AS is_view
FROM duckdb_columns() AS columns
LEFT JOIN (
    SELECT view_name
    FROM duckdb_views()
    WHERE database_name = current_database() AND schema_name = 'main' AND NOT temporary
) ON view_name = columns.table_name
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
ORDER BY columns.table_name, column_index;
