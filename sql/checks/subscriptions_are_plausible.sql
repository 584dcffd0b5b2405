-- A subscription ends after it starts, and its end has a known reason.
-- Level: warn
-- Remedy: Mend the dates, and map the reasons by `codes = { end_reason = { ... } }`.

select
    subscription_id,  -- The subscription.
    customer_id,  -- Whose.
    started_at,  -- What it says.
    canceled_at,  -- What it says.
    ended_at,  -- What it says.
    end_reason  -- What it says.
from raw.subscriptions
where
    ended_at < started_at
    or canceled_at < started_at
    or lower(end_reason) not in ('voluntary', 'payment_failure', 'plan_change', 'pause')
