-- Grain: one row per published list, the newest 50.
-- Purpose: when customers were scored, by which model, on which data.

select
    run_id,  -- The run.
    snapshot_date,  -- The scores see facts from before this day only.
    model_version,  -- The model that scored.
    scored_at,  -- When the list was published, UTC.
    data_cutoff,  -- The newest fact that was loaded.
    customers,  -- Customers scored.
    is_current,  -- Whether it is the list in use.
    is_stale,  -- Whether a newer list should be there and is not.
    tells_money  -- Whether its model passed the calibration gate: if not, no amount rests on its probabilities.
from store.score_runs
order by scored_at desc, run_id asc
