-- Adds a missing column to a table. {column} is its name, {type} its type.
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {type};
