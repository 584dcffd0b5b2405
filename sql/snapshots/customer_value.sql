-- Grain: one row per spine row.
-- Purpose: what a customer is worth per month, as known at the date: the fees of the running subscriptions, or where
-- there is no contract what they paid over the last 90 days, or the configured default where neither is known.

with running as (
    select
        customer_id,
        snapshot_date,
        -- One that may go on counts where none runs: the newest of them.
        coalesce(
            sum(try_cast(monthly_fee as decimal(18, 4))) filter (where ended_at is null),
            max_by(try_cast(monthly_fee as decimal(18, 4)), struct_pack(at := started_at, id := subscription_id))
        ) as monthly_fee,
        max_by(plan, struct_pack(runs := ended_at is null, at := started_at, id := subscription_id)) as plan
    from snapshots.known_subscriptions
    where ended_at is null or is_in_grace
    group by customer_id, snapshot_date
),

valued as (
    select
        s.customer_id,
        s.snapshot_date,
        r.plan,
        cast(coalesce(r.monthly_fee, m.spend_90d / 3, p.default_monthly_fee) as double) as monthly_fee,
        p.margin_rate
    from snapshots.spine as s
    cross join snapshots.policy as p
    left join running as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
    left join snapshots.payment_sums as m on s.customer_id = m.customer_id and s.snapshot_date = m.snapshot_date
)

select
    customer_id,  -- The customer.
    snapshot_date,  -- The date of the snapshot.
    plan,  -- The plan of the newest running subscription.
    monthly_fee,  -- What the customer pays per month.
    monthly_fee * margin_rate as monthly_margin  -- What of it is margin.
from valued
