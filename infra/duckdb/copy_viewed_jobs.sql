-- Copies a cleaned_jobs that is a view to a temporary table: page scans need row numbers, and views have none.
CREATE TEMP TABLE IF NOT EXISTS viewed_jobs AS
SELECT
    source, scrape_timestamp, bq_timestamp, job_id, job_url, job_title, job_description, job_location,
    job_classification, job_work_type, job_salary_min_sgd_raw, job_salary_max_sgd_raw, job_salary_type,
    job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_currency, job_posted_timestamp, company_id,
    company_url, company_name, company_description, company_industry, company_size
FROM {cleaned_jobs};
