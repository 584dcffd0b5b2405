-- Grain: one row per snapshot date and each of the 90 days before it.
-- Purpose: joined on the day of a fact, it says for which snapshots the fact is recent and how many days before. An
-- equality join, so a fact of the snapshot day or later can never enter.

with counted as (
    select d.snapshot_date, d.customers_until, n.days_ago
    from snapshots.dates as d
    cross join (select unnest(generate_series(1, 90)) as days_ago) as n
),

dated as (
    select snapshot_date, customers_until, days_ago, cast(snapshot_date - cast(days_ago as integer) as date) as day
    from counted
)

select
    snapshot_date,  -- The date of the snapshot.
    customers_until,  -- Customers count whose hash is at most this.
    day,  -- A day before it.
    cast(days_ago as integer) as days_ago,  -- 1 for the day just before.
    -- Weights of decayed counts, in decimals so that sums do not depend on their order.
    cast(pow(0.5, days_ago / 3.0) as decimal(9, 6)) as decay_3d,  -- Half after 3 days.
    cast(pow(0.5, days_ago / 10.0) as decimal(9, 6)) as decay_10d,  -- Half after 10 days.
    cast(pow(0.5, days_ago / 30.0) as decimal(9, 6)) as decay_30d,  -- Half after 30 days.
    -- One bit per day for the last 60 days: bit_or of it collects the days on which something happened.
    case when days_ago <= 60 then cast(1 as bigint) << cast(days_ago - 1 as integer) else 0 end as day_bit,
    isodow(day) >= 6 as is_weekend,  -- Saturday or Sunday.
    cast(sin(2 * pi() * isodow(day) / 7) as decimal(9, 6)) as weekday_sine,  -- The day's place in the week, as an angle.
    cast(cos(2 * pi() * isodow(day) / 7) as decimal(9, 6)) as weekday_cosine  -- The same, the other coordinate.
from dated
