-- Grain: one row per campaign and customer assigned to it.
-- Purpose: who is contacted and who is left alone by chance, with what was known on that day.

select
    campaign,  -- The campaign.
    customer_id,  -- The customer. [personal]
    plan_id,  -- The plan that assigned them.
    arm,  -- treatment or holdout.
    stratum,  -- Customers of a stratum are drawn into arms together.
    snapshot_date,  -- The day of the scores.
    assigned_at,  -- When, UTC.
    churn_probability,  -- On that day.
    risk_band,  -- On that day.
    expected_profit,  -- Of contacting them, on the campaign's terms of that day.
    value_of_save,  -- Margin at stake on that day.
    contact_cost,  -- What a contact costs.
    incentive_cost  -- What the incentive costs if it is used.
from store.assignments
order by campaign, customer_id
