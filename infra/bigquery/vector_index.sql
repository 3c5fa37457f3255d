-- State of a table's vector index. Selects all columns, because some servers lack some of them.
SELECT * FROM INFORMATION_SCHEMA.VECTOR_INDEXES WHERE table_name = @table;
