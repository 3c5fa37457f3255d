-- The ads that were taken down.
SELECT source, job_id FROM {forgotten_ads} AS tombstone;
