-- Columns of one table or view, in order; much cheaper than list_columns.sql. $1 its name.
SELECT name, type, "notnull" AND dflt_value IS NULL AS must_be_given FROM pragma_table_info($1);
