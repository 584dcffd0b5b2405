-- Grain: one row per customer of the newest snapshot date with any use in the year before it.
-- Purpose: how much the customer used the product, month by month, and on which of the last 60 days.

with edge as (
    select max(snapshot_date) as until_date, max(snapshot_date) - interval 1 year as from_at
    from snapshots.dates
),

monthly as (
    select t.customer_id, list(t.month) as months, list(t.sessions) as sessions
    from totals.session_months as t
    where t.month >= (select from_at from edge) and t.month < (select until_date from edge)
    group by t.customer_id
)

select
    v.customer_id,  -- The customer.
    m.months,  -- Months with use, in whatever order.
    m.sessions,  -- Sessions in each of them.
    coalesce(r.day_bits, 0) as day_bits  -- One bit per day with a session: the lowest is the day before the snapshot.
from snapshots.customer_value as v
inner join monthly as m on v.customer_id = m.customer_id
left join snapshots.session_sums as r
    on v.customer_id = r.customer_id and r.snapshot_date = (select until_date from edge)
where v.snapshot_date = (select until_date from edge)
order by v.customer_id
