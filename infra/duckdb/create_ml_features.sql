-- The features of each ad as a model saw them, written on request. The run's report and the model's feature_names.json
-- name the elements; feature_schema is the hash of these names.
CREATE TABLE IF NOT EXISTS {ml_features} (
    source VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    as_of TIMESTAMP NOT NULL,
    feature_schema VARCHAR NOT NULL,
    features DOUBLE[]
);
