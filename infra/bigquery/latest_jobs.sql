-- Every ad's latest sighting, for the view vw_latest_jobs and for all statements that read ads. The later moments
-- win; ties are broken by the greater title, then the greater description, then the greater hash of the other
-- columns that the functions read. Sightings without source or job_id, and those of ads that were taken down, are
-- left out.
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
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY source, job_id
    ORDER BY
        scrape_timestamp DESC NULLS LAST, bq_timestamp DESC NULLS LAST, job_title DESC NULLS LAST,
        job_description DESC NULLS LAST,
        TO_HEX(
            SHA256(
                CONCAT(
                    COALESCE(CONCAT('=', company_name), ''), '\n', COALESCE(CONCAT('=', job_url), ''), '\n',
                    COALESCE(CONCAT('=', job_location), ''), '\n',
                    COALESCE(CONCAT('=', job_classification), ''), '\n',
                    COALESCE(CONCAT('=', job_work_type), ''), '\n', COALESCE(CONCAT('=', job_currency), ''), '\n',
                    COALESCE(CAST(UNIX_MICROS(job_posted_timestamp) AS STRING), ''), '\n',
                    -- Cents, because the engines format fractions differently.
                    COALESCE(
                        CAST(
                            CAST(
                                IF(
                                    ABS(job_salary_min_sgd_monthly) < 1e13,
                                    FLOOR(job_salary_min_sgd_monthly * 100), NULL
                                ) AS INT64
                            ) AS STRING
                        ),
                        ''
                    ), '\n',
                    COALESCE(
                        CAST(
                            CAST(
                                IF(
                                    ABS(job_salary_max_sgd_monthly) < 1e13,
                                    FLOOR(job_salary_max_sgd_monthly * 100), NULL
                                ) AS INT64
                            ) AS STRING
                        ),
                        ''
                    )
                )
            )
        ) DESC
) = 1
