-- How many statements a text of SELECTs has; NULL where one of them is another, or is wrong.
-- $1 text.
SELECT json_array_length(json_serialize_sql($1::VARCHAR), '$.statements');
