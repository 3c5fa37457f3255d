-- Adds a column that this version knows and the table does not. {column} its name, {type} its type.
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {type};
