-- Stands in for a forgotten_ads that does not exist yet, in a warehouse that is only read.
(SELECT NULL::VARCHAR AS source, NULL::VARCHAR AS job_id WHERE false)
