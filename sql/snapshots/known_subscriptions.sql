-- Grain: one row per snapshot date and subscription that had begun by then.
-- Purpose: the subscriptions as known at each date: of an event told several times, the version known last by then.

with known as (
    select
        f.customer_id,
        d.snapshot_date,
        f.subscription_id,
        min(f.plan) filter (where f.event_type = 'started') as plan,
        min(f.monthly_fee) filter (where f.event_type = 'started') as monthly_fee,
        min(f.occurred_at) filter (where f.event_type = 'started') as started_at,
        min(f.occurred_at) filter (where f.event_type = 'canceled') as canceled_at,
        min(f.occurred_at) filter (where f.event_type = 'ended') as ended_at,
        min(f.end_reason) filter (where f.event_type = 'ended') as end_reason
    from snapshots.subscription_versions as f
    inner join snapshots.dates as d
        on f.known_at < d.snapshot_date and coalesce(f.superseded_at >= d.snapshot_date, true)
    group by f.customer_id, d.snapshot_date, f.subscription_id
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
