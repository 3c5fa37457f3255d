-- Sightings, distinct ads and distinct sightings. A row without source or id belongs to no ad.
SELECT
    (SELECT count(*) FROM cleaned_jobs) AS sightings,
    (
        SELECT count(*)
        FROM (SELECT DISTINCT source, job_id FROM cleaned_jobs WHERE source <> '' AND job_id <> '') AS ad
    ) AS ads,
    (SELECT count(*) FROM (SELECT DISTINCT source, job_id, scrape_timestamp FROM cleaned_jobs) AS sighting)
        AS distinct_sightings
