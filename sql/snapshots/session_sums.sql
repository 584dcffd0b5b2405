-- Grain: one row per customer and snapshot date with use in the 90 days before it.
-- Purpose: one pass over the sessions for every feature of recent use. Sums are of decimals, so that the same facts
-- give the same bytes in whatever order they are read.
-- Months of staging.sessions: select day from snapshots.recent_days

select
    f.customer_id,  -- The customer.
    d.snapshot_date,  -- The date of the snapshot.
    count(*) filter (where d.days_ago <= 7) as sessions_7d,  -- Sessions in the last 7 days.
    count(*) filter (where d.days_ago <= 14) as sessions_14d,  -- Sessions in the last 14 days.
    count(*) filter (where d.days_ago <= 30) as sessions_30d,  -- Sessions in the last 30 days.
    count(*) as sessions_90d,  -- Sessions in the last 90 days.
    sum(try_cast(f.duration_minutes as decimal(18, 3))) filter (where d.days_ago <= 7) as minutes_7d,  -- Minutes of use.
    sum(try_cast(f.duration_minutes as decimal(18, 3))) filter (where d.days_ago <= 30) as minutes_30d,  -- Minutes of use.
    sum(try_cast(f.duration_minutes as decimal(18, 3))) as minutes_90d,  -- Minutes of use.
    sum(d.decay_3d) as sessions_decayed_3d,  -- Sessions, each worth half after 3 days.
    sum(d.decay_10d) as sessions_decayed_10d,  -- Sessions, each worth half after 10 days.
    sum(d.decay_30d) as sessions_decayed_30d,  -- Sessions, each worth half after 30 days.
    sum(d.days_ago) as days_ago_sum,  -- With the count it gives the slope of daily sessions.
    bit_or(d.day_bit) as day_bits,  -- One bit per day with a session, the last 60 days.
    sum(h.hour_sine) as hour_sine_sum,  -- Hours of use as angles.
    sum(h.hour_cosine) as hour_cosine_sum,  -- Hours of use as angles.
    sum(d.weekday_sine) as weekday_sine_sum,  -- Weekdays of use as angles.
    sum(d.weekday_cosine) as weekday_cosine_sum,  -- Weekdays of use as angles.
    count(*) filter (where d.is_weekend) as weekend_sessions,  -- Sessions on Saturdays and Sundays.
    count(*) filter (where h.is_night) as night_sessions  -- Sessions between midnight and six.
from staging.sessions as f
inner join snapshots.recent_days as d
    on
        cast(f.occurred_at as date) = d.day
        and f.available_at < d.snapshot_date
        and coalesce(f.superseded_at >= d.snapshot_date, true)
        and hash(f.customer_id, 1) <= d.customers_until
inner join snapshots.clock_hours as h on extract(hour from f.occurred_at) = h.hour
-- The join says it too; said here, old blocks of the table are never read.
where f.occurred_at >= (select min(day) from snapshots.recent_days)
group by f.customer_id, d.snapshot_date
