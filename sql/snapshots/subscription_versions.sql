-- Grain: one row per subscription, kind of event, and version of it.
-- Purpose: says from when to when each version was the newest that could be known. A fact can be known once it has
-- happened and we were told, so a version counts from the later of the two.

select
    customer_id,  -- The customer.
    subscription_id,  -- The subscription; a renewal, a resumption or a plan change is a new one.
    event_type,  -- started, canceled or ended.
    plan,  -- Its plan.
    monthly_fee,  -- Its fee per month.
    end_reason,  -- voluntary, payment_failure, plan_change, pause, or null when nobody noted it.
    term_end,  -- The end of the running term, where the source says so.
    billing_interval,  -- How long a term is, as the source writes it.
    occurred_at,  -- When it happened, by this version.
    greatest(occurred_at, available_at) as known_at,  -- From when this version counts.
    superseded_at  -- From when another counts in its place; null for the newest.
from staging.subscription_events
