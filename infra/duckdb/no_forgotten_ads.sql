-- An empty forgotten_ads, used if the table does not exist yet in a warehouse that is open for reading.
(SELECT NULL::VARCHAR AS source, NULL::VARCHAR AS job_id WHERE false)
