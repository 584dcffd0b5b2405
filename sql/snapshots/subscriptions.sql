-- Grain: one row per subscription, with everything known now.
-- Purpose: what labels are judged by: each event by the version that was known last. Never join it to a feature:
-- snapshots.known_subscriptions is what was known at a date.

select
    customer_id,  -- The customer.
    subscription_id,  -- The subscription; a renewal, a resumption or a plan change is a new one.
    min(plan) filter (where event_type = 'started') as plan,  -- Its plan.
    min(monthly_fee) filter (where event_type = 'started') as monthly_fee,  -- Its fee per month.
    min(occurred_at) filter (where event_type = 'started') as started_at,  -- When service began.
    min(occurred_at) filter (where event_type = 'canceled') as canceled_at,  -- The decision to leave; null if none.
    min(occurred_at) filter (where event_type = 'ended') as ended_at,  -- The end of service; null while it runs.
    min(end_reason) filter (where event_type = 'ended') as end_reason  -- voluntary, payment_failure, plan_change, pause.
from snapshots.subscription_versions
where superseded_at is null
group by customer_id, subscription_id
having
    count(*) filter (where event_type = 'started') > 0
    -- What ends before it starts never was; the rule subscriptions_are_plausible names it.
    and coalesce(
        min(occurred_at) filter (where event_type <> 'started')
        >= min(occurred_at) filter (where event_type = 'started'),
        true
    )
