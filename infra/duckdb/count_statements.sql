-- Number of statements in a text of SELECTs; NULL if a statement is not a SELECT or is invalid.
-- $1 text.
SELECT json_array_length(json_serialize_sql($1::VARCHAR), '$.statements');
