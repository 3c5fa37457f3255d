-- The latest sightings of the ads of one page, as in vw_ml_features: embeddings of one space with a row number in
-- [$2, $3). $1 space. Like scan_ads.sql, but with all columns that models read, and longer texts.
WITH asked AS (
    SELECT source, job_id
    FROM {job_embeddings} AS stored
    WHERE rowid >= $2 AND rowid < $3 AND embedding_space = $1
        AND NOT EXISTS (
            SELECT 1 FROM {forgotten_ads} AS gone
            WHERE gone.source = stored.source AND gone.job_id = stored.job_id
        )
        AND {selected}
),
{latest_sightings}
SELECT
    source, job_id, left(job_title, {feature_chars}) AS job_title,
    left(job_description, {feature_chars}) AS job_description, left(job_location, {feature_chars}) AS job_location,
    left(job_classification, {feature_chars}) AS job_classification,
    left(job_work_type, {feature_chars}) AS job_work_type, left(company_id, {feature_chars}) AS company_id,
    left(company_name, {feature_chars}) AS company_name, left(company_industry, {feature_chars}) AS company_industry,
    left(company_size, {feature_chars}) AS company_size, left(job_currency, {feature_chars}) AS job_currency,
    job_salary_min_sgd_monthly, job_salary_max_sgd_monthly, epoch_us(within_calendar(job_posted_timestamp)),
    epoch_us(within_calendar(scrape_timestamp))
FROM {cleaned_jobs}
WHERE rowid IN (SELECT sighting FROM latest_sightings);
