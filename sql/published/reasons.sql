-- Grain: one row per customer of the current list and reason.
-- Purpose: why each customer is at risk, the strongest reason first.

with listed as (
    select
        customer_id,
        unnest(reasons) as reason,
        generate_subscripts(reasons, 1) as position
    from store.scores
)

select
    customer_id,  -- The customer. [personal]
    cast(position as integer) as position,  -- 1 is the strongest.
    reason.feature as feature,  -- The feature it rests on: see `churn features`.
    reason.text as reason,  -- In words. [personal]
    reason.points as points,  -- What it adds to the probability.
    reason.is_actionable as is_actionable  -- Whether one can do something about it.
from listed
order by customer_id, position
