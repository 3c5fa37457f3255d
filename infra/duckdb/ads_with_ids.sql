-- The ads with the ids of the staged keys, of all sources.
SELECT DISTINCT ad.source, ad.job_id
FROM {cleaned_jobs} AS ad
SEMI JOIN staged_keys AS asked ON asked.job_id = ad.job_id
WHERE ad.source <> ''
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = ad.source AND gone.job_id = ad.job_id
    )
ORDER BY ad.source, ad.job_id;
