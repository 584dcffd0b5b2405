-- Grain: one row per measured campaign: its newest measurement.
-- Purpose: what each campaign caused, in customers and money, with intervals. Effects and amounts are null where nothing may be said.

select
    campaign,  -- The campaign.
    measured_at,  -- When, UTC.
    is_mature,  -- Whether every window had closed.
    status,  -- measured, or why nothing could be.
    verdict,  -- works, harms or open.
    treatment,  -- Customers contacted.
    holdout,  -- Customers left alone.
    churn_treatment,  -- Share lost of those contacted, 0 to 1.
    churn_holdout,  -- Share lost of those left alone, 0 to 1.
    effect,  -- Churn avoided: churn_holdout less churn_treatment.
    effect_low,  -- Lower end of its interval.
    effect_high,  -- Upper end.
    saves,  -- Customers kept by the campaign.
    spent,  -- Cost of contacts and incentives.
    net_profit,  -- Value of the customers kept less what was spent.
    net_profit_low,  -- Lower end of its interval.
    net_profit_high  -- Upper end.
from store.measurements
order by campaign
