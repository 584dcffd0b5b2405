-- Grain: one row per subscription, event type, instant, and telling that differs from the one before.
-- Purpose: what happened to subscriptions, and from when to when each telling was the newest known. A later version adds
-- to the past: what it takes back before it happened never was, and an end taken back is a new start. Without known_at an
-- event is known when it happens, and what a later load tells otherwise is known from that load.
-- Incremental by: subscription_id with ' resumed '

with typed as (
    select
        *,
        fact_version > 1 or superseded_at is not null as is_retold,
        known_at is not null as is_dated,
        greatest(started_at, canceled_at, ended_at) as latest_at,
        coalesce(end_reason, '') <> 'payment_failure'
        and not coalesce((known_at is not null or fact_version > 1) and available_at >= ended_at, false)
            as is_end_announced,
        unnest(['started', 'canceled', 'ended']) as event_type,
        unnest([started_at, canceled_at, ended_at]) as occurred_at,
        unnest([  -- Who and on which terms counts for a start, why for an end.
            hash(*columns(* exclude (
                started_at, canceled_at, ended_at, end_reason, known_at, available_at, superseded_at, fact_version
            ))),
            hash(customer_id), hash(customer_id, end_reason)
        ]) as terms_hash
    from staging.subscriptions
),

compared as (
    select
        *,
        lag(occurred_at) over earlier is null as is_new,
        lag(if(occurred_at is null, null, hash(occurred_at, terms_hash)) ignore nulls) over earlier as earlier_hash,
        event_type = if(canceled_at is null, 'ended', 'canceled')
        and superseded_at is not null
        and lead(coalesce(canceled_at, ended_at)) over earlier is null as is_taken_back
    from typed
    where is_retold
    window earlier as (partition by subscription_id, event_type order by fact_version)
),

followed as (
    select
        *,
        arg_max(coalesce(superseded_at, timestamp '9000-01-01'), fact_version) over event as dropped_at,  -- Told without.
        arg_max(is_taken_back, fact_version) over event as is_resumed
    from compared
    window event as (partition by subscription_id, event_type, occurred_at)
),

events as (
    select
        * replace (if(not is_new or (is_dated and occurred_at = latest_at), available_at, occurred_at) as available_at),
        lead(1) over (partition by subscription_id, event_type, occurred_at order by fact_version) is null as is_last
    from followed
    where occurred_at < dropped_at and earlier_hash is distinct from hash(occurred_at, terms_hash)
),

retold as (
    select * from events
    union all by name
    select
        * replace (
            subscription_id || ' resumed ' || dropped_at as subscription_id, 'started' as event_type,
            dropped_at as occurred_at, dropped_at as available_at
        )
    from events
    where is_last and is_resumed
),

kept as (
    select
        * replace (
            lead(greatest(occurred_at, available_at)) over (
                partition by subscription_id, event_type
                order by greatest(occurred_at, available_at), fact_version
            ) as superseded_at
        )
    from retold
    union all by name
    select * replace (if(is_dated and occurred_at = latest_at, available_at, occurred_at) as available_at)
    from typed
    where not is_retold and occurred_at < timestamp '9000-01-01'
)

select
    customer_id,  -- Whose subscription.
    subscription_id,  -- The subscription; one whose end was taken back goes on under another name.
    event_type,  -- started, canceled (the decision), or ended (the loss of service).
    occurred_at,  -- When it happened.
    available_at,  -- When we first knew of it, as told here.
    superseded_at,  -- From when another telling counts in its place; null while this is the newest.
    plan,  -- The plan.
    monthly_fee,  -- The fee per month, in the configured currency.
    end_reason,  -- voluntary, payment_failure, plan_change, pause; null if nobody noted it.
    event_type = 'ended' and is_end_announced as is_announced,  -- An end that nothing says was told once it had come.
    * exclude (
        customer_id, subscription_id, event_type, occurred_at, available_at, superseded_at, plan, monthly_fee,
        end_reason, started_at, canceled_at, ended_at, known_at, fact_version, is_retold, is_dated, latest_at,
        terms_hash, is_end_announced, is_new, earlier_hash, is_taken_back, dropped_at, is_resumed, is_last
    )
from kept
