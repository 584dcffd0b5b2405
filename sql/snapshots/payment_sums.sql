-- Grain: one row per customer and snapshot date with payments in the 90 days before it.
-- Purpose: one pass over the payments for every feature of recent billing and buying.

with attempts as (
    select
        f.customer_id,
        d.snapshot_date,
        d.days_ago,
        d.day_bit,
        d.decay_3d,
        d.decay_10d,
        d.decay_30d,
        f.method,
        f.occurred_at,
        try_cast(f.amount as decimal(18, 4)) as amount,
        coalesce(f.status, 'succeeded') as status
    from staging.payments as f
    inner join snapshots.recent_days as d
        on
            cast(f.occurred_at as date) = d.day
            and f.available_at < d.snapshot_date
            and coalesce(f.superseded_at >= d.snapshot_date, true)
            and hash(f.customer_id, 1) <= d.customers_until
    where f.occurred_at >= (select min(day) from snapshots.recent_days)
)

select
    customer_id,  -- The customer.
    snapshot_date,  -- The date of the snapshot.
    count(*) as attempts_90d,  -- Payments tried.
    count(*) filter (where status = 'succeeded' and days_ago <= 30) as payments_30d,  -- Payments made.
    count(*) filter (where status = 'succeeded') as payments_90d,  -- Payments made.
    sum(amount) filter (where status = 'succeeded' and days_ago <= 30) as spend_30d,  -- Money paid.
    sum(amount) filter (where status = 'succeeded') as spend_90d,  -- Money paid.
    count(*) filter (where status = 'failed' and days_ago <= 30) as failures_30d,  -- Payments failed.
    count(*) filter (where status = 'failed' and days_ago <= 60) as failures_60d,  -- Payments failed.
    count(*) filter (where status = 'failed') as failures_90d,  -- Payments failed.
    sum(decay_3d) filter (where status = 'failed') as failures_decayed_3d,  -- Failures, each worth half after 3 days.
    sum(decay_10d) filter (where status = 'failed') as failures_decayed_10d,  -- Failures, each worth half after 10 days.
    sum(decay_30d) filter (where status = 'failed') as failures_decayed_30d,  -- Failures, each worth half after 30 days.
    count(*) filter (where status = 'refunded') as refunds_90d,  -- Payments given back.
    coalesce(bit_or(day_bit) filter (where status = 'failed'), 0) as failure_bits,  -- Days with a failure, 60 days.
    coalesce(bit_or(day_bit) filter (where status = 'succeeded'), 0) as success_bits,  -- Days with a payment, 60 days.
    max(struct_pack(at := occurred_at, method := method)).method as method  -- The newest way of paying.
from attempts
group by customer_id, snapshot_date
