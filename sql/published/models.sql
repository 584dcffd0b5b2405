-- Grain: one row per registered model version.
-- Purpose: which models were trained, how good they are on later customers, and which one scores.

select
    version,  -- The version.
    kind,  -- The candidate that won.
    created_at,  -- When it was trained, UTC.
    status,  -- champion, challenger or retired.
    auc,  -- Chance that who left was ranked above who stayed, on later customers.
    log_loss,  -- Mean log loss there; the smaller the better.
    brier,  -- Mean squared error of the probability there.
    calibration_slope,  -- 1 where probabilities are neither too bold nor too timid.
    is_calibrated,  -- Whether the probabilities pass the gate.
    reason  -- Why it was selected.
from store.models
order by created_at desc, version asc
