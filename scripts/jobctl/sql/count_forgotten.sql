-- Ads that were taken down, and how many of them have rows in cleaned_jobs, which every reader ignores.
SELECT
    (SELECT count(*) FROM (SELECT DISTINCT source, job_id FROM forgotten_ads) AS gone) AS forgotten,
    (
        SELECT count(*)
        FROM (SELECT DISTINCT source, job_id FROM cleaned_jobs) AS ad
        JOIN (SELECT DISTINCT source, job_id FROM forgotten_ads) AS gone
            ON ad.source = gone.source AND ad.job_id = gone.job_id
    ) AS seen_again
