-- Whether the file has a table or a view of a name, without staging tables. Cheaper than list_columns.sql.
-- $1 name, $2 whether it is a view.
SELECT count(*) > 0
FROM (
    SELECT table_name AS name, FALSE AS is_view
    FROM duckdb_tables()
    WHERE database_name = current_database() AND schema_name = 'main' AND NOT temporary
    UNION ALL
    SELECT view_name, TRUE
    FROM duckdb_views()
    WHERE database_name = current_database() AND schema_name = 'main' AND NOT temporary AND NOT internal
)
WHERE name = $1 AND is_view = $2;
