-- Tombstones: the ads that were taken down, by their keys alone. Whatever brings one back, it is left out.
CREATE TABLE IF NOT EXISTS {forgotten_ads} (
    source STRING NOT NULL,
    job_id STRING NOT NULL,
    forgotten_at TIMESTAMP NOT NULL
)
CLUSTER BY source, job_id;
