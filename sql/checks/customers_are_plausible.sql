-- Every customer was born within the last 120 years, and before signing up.
-- Level: warn
-- Remedy: Correct the dates in the source, or say how they are written (`dates`, `pivot_year`).

select
    customer_id,  -- The customer.
    birth_date,  -- What it says.
    signed_up_at  -- What it says.
from staging.customers
where
    superseded_at is null
    and (
        birth_date < (select cast(now_at - interval 120 year as date) from checks.clock)
        or birth_date > (select cast(now_at as date) from checks.clock)
        or birth_date > cast(signed_up_at as date)
    )
