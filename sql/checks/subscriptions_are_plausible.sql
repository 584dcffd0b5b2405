-- Every subscription ends after it starts, and its billing interval has a known length.
-- Level: warn
-- Remedy: Correct the dates, and translate intervals with `codes = { billing_interval = { ... } }`.

select
    subscription_id,  -- The subscription.
    customer_id,  -- Whose.
    started_at,  -- What it says.
    canceled_at,  -- What it says.
    ended_at,  -- What it says.
    billing_interval  -- What it says.
from raw.subscriptions
where
    ended_at < started_at
    or canceled_at < started_at
    or not regexp_full_match(
        lower(billing_interval),
        'month(ly)?|quarter(ly)?|year(ly)?|annual(ly)?|p?[0-9]+ ?(m|months?|y|years?)?'
    )
