-- Grain: one row per kept plan of a campaign.
-- Purpose: whom each plan assigned, and what contacting them was expected to cost and bring.

select
    plan_id,  -- The plan.
    campaign,  -- The campaign.
    title,  -- Its title.
    channel,  -- How customers are contacted.
    planned_at,  -- When, UTC.
    snapshot_date,  -- On the scores of this day.
    model_version,  -- Of this model.
    window_days,  -- Days after which outcomes count.
    profit_model,  -- How profit is counted.
    treatment,  -- Customers this plan gave the offer.
    holdout,  -- Customers it left alone by chance, to measure.
    expected_saves,  -- Customers expected to be kept.
    expected_cost,  -- Expected cost of contacts and incentives.
    expected_profit,  -- Expected profit after costs.
    expected_profit_low,  -- Its 5 % point.
    expected_profit_high  -- Its 95 % point.
from store.campaigns
order by planned_at desc, plan_id asc
