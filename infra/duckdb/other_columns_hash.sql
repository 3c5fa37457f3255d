-- Breaks ties between sightings of one ad with the same moments, title and description: a hash of the other columns
-- that the functions read. Pay is in cents, because the engines format fractions differently.
sha256(
    concat(
        coalesce('=' || company_name, ''), chr(10), coalesce('=' || job_url, ''), chr(10),
        coalesce('=' || job_location, ''), chr(10), coalesce('=' || job_classification, ''), chr(10),
        coalesce('=' || job_work_type, ''), chr(10), coalesce('=' || job_currency, ''), chr(10),
        CASE
            WHEN job_posted_timestamp BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'
            THEN epoch_us(job_posted_timestamp)::VARCHAR
            ELSE ''
        END, chr(10),
        CASE
            WHEN abs(job_salary_min_sgd_monthly) < 1e13 THEN floor(job_salary_min_sgd_monthly * 100)::BIGINT::VARCHAR
            ELSE ''
        END, chr(10),
        CASE
            WHEN abs(job_salary_max_sgd_monthly) < 1e13 THEN floor(job_salary_max_sgd_monthly * 100)::BIGINT::VARCHAR
            ELSE ''
        END
    )
)
