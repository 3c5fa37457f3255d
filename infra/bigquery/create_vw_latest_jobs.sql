-- Every ad's latest sighting, as the functions read it.
CREATE VIEW IF NOT EXISTS {vw_latest_jobs} AS
{latest_jobs};
