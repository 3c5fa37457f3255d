-- Inserts the staged rows by column name, without those of ads that were taken down.
INSERT INTO {ml_predictions} BY NAME
SELECT *
FROM staged_predictions AS staged
WHERE NOT EXISTS (
    SELECT 1 FROM {forgotten_ads} AS gone
    WHERE gone.source = staged.source AND gone.job_id = staged.job_id
);
