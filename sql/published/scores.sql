-- Grain: one row per customer of the current list.
-- Purpose: how likely each customer is to leave, what keeping them is worth, and how that has changed.

select
    s.customer_id,  -- The customer. [personal]
    r.snapshot_date,  -- The scores see facts from before this day only.
    r.model_version,  -- The model that scored.
    r.scored_at,  -- When the list was published, UTC.
    s.churn_probability,  -- Chance of leaving within the horizon, 0 to 1.
    s.churn_probability - s.involuntary_probability as voluntary_probability,  -- Of canceling; null where causes are not known.
    s.involuntary_probability,  -- Of being lost to a failed payment; null where causes are not known.
    s.risk_band,  -- low, medium, high or critical.
    s.percentile,  -- Share of customers at less risk, 0 to 100.
    case when r.tells_money then s.expected_profit end as expected_profit,  -- Of contacting them now on the terms of [simulation]; null where the model failed the gate.
    s.value_of_save,  -- Margin at stake if the customer stays.
    s.monthly_margin,  -- Margin per month.
    s.plan,  -- The plan they are on; null where none is known.
    s.is_listed,  -- Whether they are on the risk list.
    s.previous_probability,  -- Of the list before; null for who was not on it.
    s.change,  -- churn_probability less previous_probability.
    s.churn_within_30d,  -- Chance of leaving within 30 days; null where the model knows nothing of months ahead.
    s.churn_within_90d,  -- The same within 90 days.
    s.churn_within_180d,  -- The same within 180 days.
    s.churn_within_360d,  -- The same within 360 days.
    s.months_kept  -- Months expected of the next twelve.
from store.scores as s
cross join store.score_runs as r
where r.is_current
order by s.churn_probability desc, s.customer_id asc
