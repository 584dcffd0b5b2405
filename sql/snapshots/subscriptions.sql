-- Grain: one row per subscription, with everything known now.
-- Purpose: what labels are judged by: each event by the version that was known last. Never join it to a feature:
-- snapshots.known_subscriptions is what was known at a date.

with told as (
    select
        customer_id,
        subscription_id,
        min(plan) filter (where event_type = 'started') as plan,
        min(monthly_fee) filter (where event_type = 'started') as monthly_fee,
        min(occurred_at) filter (where event_type = 'started') as started_at,
        min(occurred_at) filter (where event_type = 'canceled') as canceled_at,
        min(occurred_at) filter (where event_type = 'ended') as ended_at,
        min(end_reason) filter (where event_type = 'ended') as end_reason
    from snapshots.subscription_versions
    where superseded_at is null
    group by customer_id, subscription_id
)

select
    t.customer_id,  -- The customer.
    t.subscription_id,  -- The subscription; a renewal, a resumption or a plan change is a new one.
    t.plan,  -- Its plan.
    t.monthly_fee,  -- Its fee per month.
    t.started_at,  -- When service began.
    t.canceled_at,  -- The decision to leave; null if none.
    t.ended_at,  -- The end of service; null while it runs.
    t.end_reason  -- voluntary, payment_failure, plan_change, pause.
from told as t
cross join snapshots.policy as p
where
    t.started_at is not null
    -- What ends before it starts never was; the rule subscriptions_are_plausible names it.
    and coalesce(least(t.canceled_at, t.ended_at) >= t.started_at, true)
    -- Trials and the like are no contract, where the settings say so.
    and not coalesce(list_contains(p.excluded_plans, lower(t.plan)), false)
    and not (p.excludes_free and coalesce(t.monthly_fee = 0, false))
