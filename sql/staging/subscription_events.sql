-- Grain: one row per subscription, event type and instant.
-- Purpose: what happened to subscriptions and since when we know it; a correction adds to the past, it never changes
-- what was known. `known_at` of a row is when we learned of its latest event.
-- Incremental by: subscription_id

with newest_first as (
    select
        *,
        row_number() over (
            partition by subscription_id, known_at
            order by load_id desc, source_file desc, row_number desc
        ) as place
    from raw.subscriptions
),

versions as (
    select
        * exclude (end_reason, load_id, loaded_at, source_file, row_number, place),
        lower(end_reason) as end_reason,
        greatest(started_at, canceled_at, ended_at) as latest_at
    from newest_first
    where place = 1
),

happened as (
    select *, 'started' as event_type, started_at as occurred_at from versions
    union all by name
    select *, 'canceled' as event_type, canceled_at as occurred_at from versions
    union all by name
    select *, 'ended' as event_type, ended_at as occurred_at from versions
),

known as (
    select
        *,
        case when occurred_at = latest_at then coalesce(known_at, occurred_at) else occurred_at end as available_at
    from happened
    where occurred_at is not null
),

earliest_first as (
    select
        *,
        row_number() over (
            partition by subscription_id, event_type, occurred_at
            order by available_at, known_at
        ) as place
    from known
)

select
    customer_id,  -- Whose subscription.
    subscription_id,  -- The subscription.
    event_type,  -- started, canceled (the decision), or ended (the loss of service).
    occurred_at,  -- When it happened.
    available_at,  -- When we first knew of it.
    plan,  -- The plan.
    monthly_fee,  -- The fee per month, in the configured currency.
    end_reason,  -- voluntary, payment_failure, plan_change, pause; null if nobody noted it.
    * exclude (
        customer_id, subscription_id, event_type, occurred_at, available_at, plan, monthly_fee, end_reason,
        started_at, canceled_at, ended_at, latest_at, known_at, place
    )
from earliest_first
where place = 1
