-- Grain: one row per snapshot date and subscription that had begun by then.
-- Purpose: the subscriptions as known at each date: of an event told several times, the version known last by then.

with told as (
    select
        f.customer_id,
        f.subscription_id,
        f.event_type,
        f.plan,
        f.monthly_fee,
        f.end_reason,
        f.occurred_at,
        struct_pack(at := f.available_at, of := f.occurred_at) as version,
        d.snapshot_date
    from staging.subscription_events as f
    inner join snapshots.dates as d
        on f.occurred_at < d.snapshot_date and f.available_at < d.snapshot_date
),

known as (
    select
        customer_id,
        snapshot_date,
        subscription_id,
        max_by(plan, version) filter (where event_type = 'started') as plan,
        max_by(monthly_fee, version) filter (where event_type = 'started') as monthly_fee,
        max_by(occurred_at, version) filter (where event_type = 'started') as started_at,
        max_by(occurred_at, version) filter (where event_type = 'canceled') as canceled_at,
        max_by(occurred_at, version) filter (where event_type = 'ended') as ended_at,
        max_by(end_reason, version) filter (where event_type = 'ended') as end_reason
    from told
    group by customer_id, snapshot_date, subscription_id
)

select
    customer_id,  -- The customer.
    snapshot_date,  -- The date of the snapshot.
    subscription_id,  -- The subscription.
    plan,  -- Its plan.
    monthly_fee,  -- Its fee per month.
    started_at,  -- When service began.
    canceled_at,  -- The decision to leave; null if none was known.
    ended_at,  -- The end of service; null if none was known.
    end_reason  -- Why it ended.
from known
where started_at is not null
