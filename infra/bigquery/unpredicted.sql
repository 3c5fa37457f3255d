-- Part of the statements that read ads to predict: those without a current prediction by the champions. @role version
-- of the role classifier, @cluster version of the clustering, each '' if there is none; @salary versions of the salary
-- models, as in '|GBP=v2|SGD=v7|'. An ad in the currency of no model is predicted without a salary.
NOT EXISTS (
    SELECT 1
    FROM {vw_predictions_latest} AS latest
    WHERE latest.source = stored.source AND latest.job_id = stored.job_id
        AND latest.content_hash = stored.content_hash
        AND latest.variant = 'champion'
        AND COALESCE(latest.role_model_version, '') = @role
        AND COALESCE(latest.cluster_model_version, '') = @cluster
        AND CASE
            WHEN latest.salary_model_version IS NULL THEN STRPOS(@salary, CONCAT('|', latest.currency, '=')) = 0
            ELSE STRPOS(@salary, CONCAT('|', latest.currency, '=', latest.salary_model_version, '|')) > 0
        END
)
