-- Grain: one row per subscription, event type and instant.
-- Purpose: what happened to subscriptions and since when we know it. A later version adds to the past: what it takes back
-- before it happened never was, and a decision taken back is a new start.
-- Incremental by: subscription_id

with happened as (
    select
        * exclude (end_reason),
        lower(end_reason) as end_reason,
        greatest(started_at, canceled_at, ended_at) as latest_at,
        coalesce(known_at, greatest(started_at, canceled_at, ended_at)) as told_at,  -- When its latest event was told.
        unnest(['started', 'canceled', 'ended']) as event_type,
        unnest([started_at, canceled_at, ended_at]) as occurred_at
    from raw.subscriptions
),

repeated as (
    select subscription_id from raw.subscriptions
    group by subscription_id
    having count(*) > 1
),

-- Of subscriptions told more than once; of equal deliveries the last one.
newest_first as (
    select h.* from happened as h
    semi join repeated as r on h.subscription_id = r.subscription_id
    qualify
        row_number() over (
            partition by h.subscription_id, h.known_at, h.event_type
            order by h.load_id desc, h.source_file desc, h.row_number desc
        ) = 1
),

versions as (
    select
        *,
        lead(told_at) over later as next_told_at,
        lead(coalesce(canceled_at, ended_at)) over later is null as is_next_running
    from newest_first
    window later as (partition by subscription_id, event_type order by told_at)
),

events as (
    select
        *,
        arg_max(coalesce(next_told_at, timestamp '9000-01-01'), told_at) over event as dropped_at,  -- Told without it.
        arg_max(is_next_running, told_at) over event as is_resumed
    from versions
    where occurred_at is not null
    window event as (partition by subscription_id, event_type, occurred_at)
    qualify row_number() over (partition by subscription_id, event_type, occurred_at order by told_at) = 1
),

kept as (
    select h.* from happened as h
    anti join repeated as r on h.subscription_id = r.subscription_id
    where h.occurred_at < timestamp '9000-01-01'
    union all by name
    select * from events
    where occurred_at < dropped_at
    union all by name
    select *, dropped_at as resumed_at from events
    where event_type = 'canceled' and is_resumed and dropped_at between occurred_at and '8999-01-01'
)

select
    customer_id,  -- Whose subscription.
    coalesce(subscription_id || ' resumed ' || resumed_at, subscription_id) as subscription_id,  -- The subscription; one whose cancellation was taken back goes on under another name.
    if(resumed_at is null, event_type, 'started') as event_type,  -- started, canceled (the decision), or ended (the loss of service).
    coalesce(resumed_at, occurred_at) as occurred_at,  -- When it happened.
    coalesce(resumed_at, if(occurred_at = latest_at, told_at, occurred_at)) as available_at,  -- When we first knew of it.
    plan,  -- The plan.
    monthly_fee,  -- The fee per month, in the configured currency.
    end_reason,  -- voluntary, payment_failure, plan_change, pause; null if nobody noted it.
    * exclude (
        customer_id, subscription_id, event_type, occurred_at, plan, monthly_fee, end_reason, started_at, canceled_at,
        ended_at, latest_at, known_at, told_at, next_told_at, is_next_running, dropped_at, is_resumed, resumed_at,
        load_id, loaded_at, source_file, row_number
    )
from kept
