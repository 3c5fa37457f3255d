-- The features of each ad as a model saw them, written on request. The run's report and the model's feature_names.json
-- name the elements; feature_schema is the hash of these names. Not partitioned: a load replaces all rows.
CREATE TABLE IF NOT EXISTS {ml_features} (
    source STRING NOT NULL,
    job_id STRING NOT NULL,
    as_of TIMESTAMP NOT NULL,
    feature_schema STRING NOT NULL,
    features ARRAY<FLOAT64>
);
