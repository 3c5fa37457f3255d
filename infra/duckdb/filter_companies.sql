-- Distinct company names of the ads. Names over the maximum length are left out, because a search cannot ask for
-- them.
SELECT DISTINCT company_name
FROM {cleaned_jobs}
WHERE length(company_name) <= {title_chars};
