-- Tombstones: the ads that were taken down, by their keys alone. Whatever brings one back, it is left out.
CREATE TABLE IF NOT EXISTS {forgotten_ads} (
    source VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    forgotten_at TIMESTAMP NOT NULL
);
