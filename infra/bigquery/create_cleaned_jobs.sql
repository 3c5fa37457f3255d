-- Sightings of ads: append-only, one row for each sighting.
CREATE TABLE IF NOT EXISTS {cleaned_jobs} (
    source STRING NOT NULL,
    scrape_timestamp TIMESTAMP NOT NULL,
    bq_timestamp TIMESTAMP,
    job_id STRING NOT NULL,
    job_url STRING,
    job_title STRING,
    job_description STRING,
    job_location STRING,
    job_classification STRING,
    job_work_type STRING,
    job_salary_min_sgd_raw FLOAT64,
    job_salary_max_sgd_raw FLOAT64,
    job_salary_type STRING,
    job_salary_min_sgd_monthly FLOAT64,
    job_salary_max_sgd_monthly FLOAT64,
    job_currency STRING,
    job_posted_timestamp TIMESTAMP,
    company_id STRING,
    company_url STRING,
    company_name STRING,
    company_description STRING,
    company_industry STRING,
    company_size STRING
)
PARTITION BY DATE(scrape_timestamp)
CLUSTER BY source, job_id;
