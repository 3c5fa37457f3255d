-- The companies that ads name, each spelling once. One too long to be a name is none that a search can ask for.
SELECT DISTINCT company_name
FROM {cleaned_jobs}
WHERE CHAR_LENGTH(company_name) <= {title_chars};
