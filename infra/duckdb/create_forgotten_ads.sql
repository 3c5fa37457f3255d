-- Tombstones: keys of the ads that were taken down. Every statement leaves these ads out, even if a table has rows
-- of them.
CREATE TABLE IF NOT EXISTS {forgotten_ads} (
    source VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    forgotten_at TIMESTAMP NOT NULL
);
