-- Every ad's latest sighting, as the functions read it. The later moments win (a moment outside the years 1 to 9999
-- counts as missing); ties are broken by the greater title, then the greater description, then the greater hash of
-- the other columns that the functions read. Sightings without source or job_id, and those of ads that were taken
-- down, are left out. The page scans find the same rows by row numbers, in memory that does not grow with the
-- table.
CREATE VIEW IF NOT EXISTS {vw_latest_jobs} AS
SELECT
    source, scrape_timestamp, bq_timestamp, job_id, job_url, job_title, job_description, job_location,
    job_classification, job_work_type, job_salary_min_sgd_raw, job_salary_max_sgd_raw, job_salary_type,
    job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, job_currency, job_posted_timestamp, company_id,
    company_url, company_name, company_description, company_industry, company_size
FROM {cleaned_jobs} AS ad
WHERE source <> '' AND job_id <> ''
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = ad.source AND gone.job_id = ad.job_id
    )
QUALIFY row_number() OVER (
    PARTITION BY source, job_id
    ORDER BY
        CASE
            WHEN scrape_timestamp BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'
            THEN scrape_timestamp
        END DESC NULLS LAST,
        CASE
            WHEN bq_timestamp BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'
            THEN bq_timestamp
        END DESC NULLS LAST,
        job_title DESC NULLS LAST, job_description DESC NULLS LAST,
        {other_columns_hash} DESC
) = 1;
