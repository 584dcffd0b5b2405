-- Grain: one row per subscription, with everything known now.
-- Purpose: what labels are judged by: each event by the version that was known last. Never join it to a feature:
-- snapshots.known_subscriptions is what was known at a date.

select
    customer_id,  -- The customer.
    subscription_id,  -- The subscription; a renewal, a resumption or a plan change is a new one.
    max_by(plan, struct_pack(at := available_at, of := occurred_at)) filter (where event_type = 'started') as plan,  -- Its plan.
    max_by(monthly_fee, struct_pack(at := available_at, of := occurred_at)) filter (where event_type = 'started') as monthly_fee,  -- Its fee per month.
    max_by(occurred_at, struct_pack(at := available_at, of := occurred_at)) filter (where event_type = 'started') as started_at,  -- When service began.
    max_by(occurred_at, struct_pack(at := available_at, of := occurred_at)) filter (where event_type = 'canceled') as canceled_at,  -- The decision to leave; null if none.
    max_by(occurred_at, struct_pack(at := available_at, of := occurred_at)) filter (where event_type = 'ended') as ended_at,  -- The end of service; null while it runs.
    max_by(end_reason, struct_pack(at := available_at, of := occurred_at)) filter (where event_type = 'ended') as end_reason  -- voluntary, payment_failure, plan_change, pause, or null when nobody noted it.
from staging.subscription_events
group by customer_id, subscription_id
having count(*) filter (where event_type = 'started') > 0
