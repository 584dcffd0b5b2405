-- Grain: one row per spine row with any payment before.
-- Purpose: billing and buying over all time, each fact counted once under the first snapshot that knows it.

with first_known as (
    select
        f.customer_id,
        k.known_from,
        count(*) as attempts,
        count(*) filter (where f.status = 'failed') as failures,
        count(*) filter (where coalesce(f.status, 'succeeded') = 'succeeded') as payments,
        sum(try_cast(f.amount as decimal(18, 4))) filter (where coalesce(f.status, 'succeeded') = 'succeeded') as spend,
        min(f.occurred_at) filter (where coalesce(f.status, 'succeeded') = 'succeeded') as first_at,
        max(f.occurred_at) filter (where coalesce(f.status, 'succeeded') = 'succeeded') as last_at,
        max(f.occurred_at) filter (where f.status = 'failed') as last_failed_at
    from staging.payments as f
    inner join snapshots.known_days as k
        on greatest(cast(f.occurred_at as date), cast(f.available_at as date)) = k.day
    group by f.customer_id, k.known_from
)

select
    s.customer_id,  -- The customer.
    s.snapshot_date,  -- The date of the snapshot.
    sum(k.attempts) as attempts,  -- Payments tried so far.
    sum(k.failures) as failures,  -- Payments failed so far.
    sum(k.payments) as payments,  -- Payments made so far.
    sum(k.spend) as spend,  -- Money paid so far.
    date_diff('day', cast(min(k.first_at) as date), s.snapshot_date) as days_since_first,  -- Since the first payment.
    date_diff('day', cast(max(k.last_at) as date), s.snapshot_date) as days_since_last,  -- Since the newest payment.
    date_diff('day', cast(max(k.last_failed_at) as date), s.snapshot_date) as days_since_failure  -- Since the last failure.
from snapshots.spine as s
inner join first_known as k on s.customer_id = k.customer_id and k.known_from <= s.snapshot_date
group by s.customer_id, s.snapshot_date
