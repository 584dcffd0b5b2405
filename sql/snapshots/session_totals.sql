-- Grain: one row per spine row with any use before.
-- Purpose: use over all time. Each fact is counted once, under the first snapshot that knows it; the total of a date is
-- the sum over the snapshots up to it. What the first snapshot knows is most of it, and needs no look-up.

with first_known as (
    select
        customer_id,
        (select min(snapshot_date) from snapshots.dates) as known_from,
        count(*) as sessions,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from staging.sessions
    where greatest(occurred_at, available_at) < (select min(snapshot_date) from snapshots.dates)
    group by customer_id
    union all
    select
        f.customer_id,
        k.known_from,
        count(*) as sessions,
        min(f.occurred_at) as first_at,
        max(f.occurred_at) as last_at
    from staging.sessions as f
    inner join snapshots.known_days as k on cast(greatest(f.occurred_at, f.available_at) as date) = k.day
    where greatest(f.occurred_at, f.available_at) >= (select min(snapshot_date) from snapshots.dates)
    group by f.customer_id, k.known_from
)

select
    s.customer_id,  -- The customer.
    s.snapshot_date,  -- The date of the snapshot.
    sum(k.sessions) as sessions,  -- Sessions so far.
    date_diff('day', cast(min(k.first_at) as date), s.snapshot_date) as days_since_first,  -- Days since the first one.
    date_diff('day', cast(max(k.last_at) as date), s.snapshot_date) as days_since_last  -- Days since the newest one.
from snapshots.spine as s
inner join first_known as k on s.customer_id = k.customer_id and k.known_from <= s.snapshot_date
group by s.customer_id, s.snapshot_date
