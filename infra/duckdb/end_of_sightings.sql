-- The greatest row number plus one.
SELECT coalesce(max(rowid) + 1, 0) FROM {cleaned_jobs};
