-- Grain: one row per subscription, event type and instant.
-- Purpose: what happened to subscriptions and since when we know it. A later version of a row adds to the past, it never
-- changes what was known: what it takes back before it happened never was, and a decision taken back is a new start.
-- Incremental by: subscription_id

with newest_first as (
    select
        * exclude (end_reason),
        lower(end_reason) as end_reason,
        greatest(started_at, canceled_at, ended_at) as latest_at,
        -- `known_at` is when we learned of a row's latest event; without it the row was known as it happened.
        coalesce(known_at, greatest(started_at, canceled_at, ended_at)) as told_at,
        row_number() over (
            partition by subscription_id, known_at
            order by load_id desc, source_file desc, row_number desc
        ) as nth
    from raw.subscriptions
),

versions as (
    select
        * exclude (load_id, loaded_at, source_file, row_number, nth),
        lead(told_at) over later as next_told_at,
        lead(coalesce(canceled_at, ended_at)) over later is null as is_next_running
    from newest_first
    where nth = 1
    window later as (partition by subscription_id order by told_at)
),

happened as (
    select
        *,
        unnest(['started', 'canceled', 'ended']) as event_type,
        unnest([started_at, canceled_at, ended_at]) as occurred_at
    from versions
),

events as (
    select
        *,
        case when occurred_at = latest_at then told_at else occurred_at end as available_at,
        -- When a version first came without this event; far ahead while every later one has it.
        arg_max(coalesce(next_told_at, timestamp '9000-01-01'), told_at) over event as dropped_at,
        arg_max(is_next_running, told_at) over event as is_resumed,
        row_number() over (partition by subscription_id, event_type, occurred_at order by told_at) as nth
    from happened
    where occurred_at is not null
    window event as (partition by subscription_id, event_type, occurred_at)
),

kept as (
    select * from events
    where nth = 1 and occurred_at < dropped_at
    union all by name
    select
        * replace (
            subscription_id || ' resumed ' || dropped_at as subscription_id,
            'started' as event_type,
            dropped_at as occurred_at,
            dropped_at as available_at
        )
    from events
    where nth = 1 and event_type = 'canceled' and is_resumed and dropped_at between occurred_at and '8999-01-01'
)

select
    customer_id,  -- Whose subscription.
    subscription_id,  -- The subscription; one whose cancellation was taken back goes on under another name.
    event_type,  -- started, canceled (the decision), or ended (the loss of service).
    occurred_at,  -- When it happened.
    available_at,  -- When we first knew of it.
    plan,  -- The plan.
    monthly_fee,  -- The fee per month, in the configured currency.
    end_reason,  -- voluntary, payment_failure, plan_change, pause; null if nobody noted it.
    * exclude (
        customer_id, subscription_id, event_type, occurred_at, available_at, plan, monthly_fee, end_reason, nth,
        started_at, canceled_at, ended_at, latest_at, known_at, told_at, next_told_at, is_next_running, dropped_at,
        is_resumed
    )
from kept
