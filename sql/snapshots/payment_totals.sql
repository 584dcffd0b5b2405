-- Grain: one row per spine row with any payment before.
-- Purpose: billing and buying over all time, each fact counted once under the first snapshot that knows it, up to the
-- last one for which no later version of it counts.

with edges as (
    select min(snapshot_date) as first_date, max(snapshot_date) as last_date
    from snapshots.dates
),

facts as (
    select
        customer_id,
        occurred_at,
        greatest(occurred_at, available_at) as known_at,
        -- What is superseded after the last snapshot counts like what never is.
        case when superseded_at < (select last_date from edges) then superseded_at end as superseded_at,
        status = 'failed' as is_failed,
        coalesce(status, 'succeeded') = 'succeeded' as is_paid,
        try_cast(amount as decimal(18, 4)) as amount
    from staging.payments
    where coalesce(superseded_at >= (select first_date from edges), true)
),

-- What the first snapshot knows is most of it, and needs no look-up.
dated as (
    select *, (select first_date from edges) as known_from
    from facts
    where known_at < (select first_date from edges)
    union all
    select f.*, k.known_from
    from facts as f
    inner join snapshots.known_days as k on cast(f.known_at as date) = k.day
    where f.known_at >= (select first_date from edges)
),

first_known as (
    select
        customer_id,
        known_from,
        superseded_at,
        count(*) as attempts,
        count(*) filter (where is_failed) as failures,
        count(*) filter (where is_paid) as payments,
        sum(amount) filter (where is_paid) as spend,
        min(occurred_at) filter (where is_paid) as first_at,
        max(occurred_at) filter (where is_paid) as last_at,
        max(occurred_at) filter (where is_failed) as last_failed_at
    from dated
    group by customer_id, known_from, superseded_at
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
inner join first_known as k
    on
        s.customer_id = k.customer_id
        and k.known_from <= s.snapshot_date
        and coalesce(k.superseded_at >= s.snapshot_date, true)
group by s.customer_id, s.snapshot_date
