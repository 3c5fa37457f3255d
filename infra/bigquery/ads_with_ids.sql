-- The ads with the ids of @job_ids, of all sources.
SELECT DISTINCT ad.source, ad.job_id
FROM {cleaned_jobs} AS ad
WHERE ad.job_id IN UNNEST(@job_ids) AND ad.source <> ''
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = ad.source AND gone.job_id = ad.job_id
    )
ORDER BY ad.source, ad.job_id;
