-- Tombstones: keys of the ads that were taken down. Every statement leaves these ads out, even if a table has rows
-- of them.
CREATE TABLE IF NOT EXISTS {forgotten_ads} (
    source STRING NOT NULL,
    job_id STRING NOT NULL,
    forgotten_at TIMESTAMP NOT NULL
)
CLUSTER BY source, job_id;
