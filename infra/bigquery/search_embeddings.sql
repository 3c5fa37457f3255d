-- The rows nearest to a vector, by the table's vector index if it has one. The filters are on columns that the
-- index stores, so they are applied before the nearest rows are selected. Filter values are stored values
-- (filter_values.sql); an empty array means no filter. A takedown removes rows, but a concurrent run can insert one
-- again and remove it at its end: such a row is left out after the nearest rows are selected.
SELECT base.source, base.job_id, base.content_hash, 1 - distance AS similarity
FROM VECTOR_SEARCH(
    (
        SELECT source, job_id, content_hash, embedding
        FROM {job_embeddings}
        WHERE embedding_space = @space
            AND (IFNULL(ARRAY_LENGTH(@sources), 0) = 0 OR source IN UNNEST(@sources))
            AND (IFNULL(ARRAY_LENGTH(@locations), 0) = 0 OR job_location IN UNNEST(@locations))
            AND (IFNULL(ARRAY_LENGTH(@classifications), 0) = 0
                OR job_classification IN UNNEST(@classifications))
            AND (IFNULL(ARRAY_LENGTH(@work_types), 0) = 0 OR job_work_type IN UNNEST(@work_types))
            AND (@salary_min IS NULL OR (salary_mid >= @salary_min AND NOT IS_INF(salary_mid) AND NOT IS_NAN(salary_mid)))
            AND (@posted_after IS NULL OR job_posted_timestamp >= @posted_after)
    ),
    'embedding',
    (SELECT @vector AS embedding),
    top_k => @top_k,
    distance_type => 'COSINE'
)
WHERE (@min_similarity IS NULL OR 1 - distance >= @min_similarity)
    AND NOT EXISTS (
        SELECT 1 FROM {forgotten_ads} AS gone
        WHERE gone.source = base.source AND gone.job_id = base.job_id
    )
ORDER BY distance, base.source, base.job_id;
