-- Grain: one row per snapshot date and subscription that had begun by then.
-- Purpose: the subscriptions as known at each date: of an event told several times, the version known last by then. One
-- that ended within the grace days, and of which nothing says that it is a loss, may go on: it counts as active, just as
-- the labels take a term resumed within grace for one that never ended. One that ends before it starts never was.

with known as (
    select
        f.customer_id,
        d.snapshot_date,
        f.subscription_id,
        min(f.plan) filter (where f.event_type = 'started') as plan,
        min(f.monthly_fee) filter (where f.event_type = 'started') as monthly_fee,
        min(f.term_end) filter (where f.event_type = 'started') as term_end,
        min(f.billing_interval) filter (where f.event_type = 'started') as billing_interval,
        min(f.occurred_at) filter (where f.event_type = 'started') as started_at,
        min(f.occurred_at) filter (where f.event_type = 'canceled') as canceled_at,
        min(f.occurred_at) filter (where f.event_type = 'ended') as ended_at,
        min(f.end_reason) filter (where f.event_type = 'ended') as end_reason
    from snapshots.subscription_versions as f
    inner join snapshots.dates as d
        on
            f.known_at < d.snapshot_date
            and coalesce(f.superseded_at >= d.snapshot_date, true)
            and hash(f.customer_id, 1) <= d.customers_until
    group by f.customer_id, d.snapshot_date, f.subscription_id
)

select
    k.customer_id,  -- The customer.
    k.snapshot_date,  -- The date of the snapshot.
    k.subscription_id,  -- The subscription.
    k.plan,  -- Its plan.
    k.monthly_fee,  -- Its fee per month.
    k.term_end,  -- The end of the running term; null if nobody says.
    k.billing_interval,  -- How long a term is, as the source writes it.
    k.started_at,  -- When service began.
    k.canceled_at,  -- The decision to leave; null if none was known.
    k.ended_at,  -- The end of service; null if none was known.
    k.end_reason,  -- Why it ended.
    coalesce(
        k.canceled_at is null
        -- A word such as expired or renewed says no more than none does.
        and coalesce(k.end_reason, '') not in ('voluntary', 'payment_failure', 'pause')
        and k.ended_at + p.grace_days * interval 1 day >= k.snapshot_date,
        false
    ) as is_in_grace  -- Whether it ended so lately that it may go on as if it had not.
from known as k
cross join snapshots.policy as p
where
    k.started_at is not null
    and coalesce(least(k.canceled_at, k.ended_at) >= k.started_at, true)
    -- Trials and the like are no contract, where the settings say so.
    and not coalesce(list_contains(p.excluded_plans, lower(k.plan)), false)
    and not (p.excludes_free and coalesce(k.monthly_fee = 0, false))
