-- Macros of every connection for moments outside the years 1 to 9999, including 'infinity', which neither BigQuery
-- nor RFC 3339 supports: such moments count as missing.
CREATE OR REPLACE TEMP MACRO outside_calendar(moment) AS
    moment < TIMESTAMP '0001-01-01 00:00:00' OR moment > TIMESTAMP '9999-12-31 23:59:59.999999';
CREATE OR REPLACE TEMP MACRO within_calendar(moment) AS
    CASE WHEN NOT outside_calendar(moment) THEN moment END;
