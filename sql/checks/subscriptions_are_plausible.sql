-- A subscription ends after it starts, its end has a known reason, and its terms a known length.
-- Level: warn
-- Remedy: Mend the dates, and map reasons and intervals by `codes = { end_reason = { ... }, billing_interval = { ... } }`.

select
    subscription_id,  -- The subscription.
    customer_id,  -- Whose.
    started_at,  -- What it says.
    canceled_at,  -- What it says.
    ended_at,  -- What it says.
    end_reason,  -- What it says.
    billing_interval  -- What it says.
from raw.subscriptions
where
    ended_at < started_at
    or canceled_at < started_at
    or lower(end_reason) not in ('voluntary', 'payment_failure', 'plan_change', 'pause')
    or not regexp_full_match(
        lower(billing_interval),
        'month(ly)?|quarter(ly)?|year(ly)?|annual(ly)?|p?[0-9]+ ?(m|months?|y|years?)?'
    )
