-- What BigQuery says of a table's vector index. All columns: there are more of them than every server has.
SELECT * FROM INFORMATION_SCHEMA.VECTOR_INDEXES WHERE table_name = @table;
