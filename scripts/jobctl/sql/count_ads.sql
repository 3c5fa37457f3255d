-- Sightings, ads, and rows that repeat a sighting.
SELECT
    (SELECT count(*) FROM cleaned_jobs) AS sightings,
    (SELECT count(*) FROM (SELECT DISTINCT source, job_id FROM cleaned_jobs) AS ad) AS ads,
    (SELECT count(*) FROM (SELECT DISTINCT source, job_id, scrape_timestamp FROM cleaned_jobs) AS sighting)
        AS distinct_sightings
