-- Grain: one row per subscription, event type, instant, and telling that differs from the one before.
-- Purpose: what happened to subscriptions, and from when to when each telling was the newest known. An end taken back is a
-- new start, and what is taken back before it happened never was. Since when an event is known: as in staging.payments.
-- Incremental by: subscription_id with ' resumed '

with typed as (
    select
        *,
        fact_version > 1 or superseded_at is not null as is_retold,
        if(known_at is null, null, greatest(started_at, canceled_at, ended_at)) as latest_at,  -- Which known_at dates.
        coalesce(end_reason, '') <> 'payment_failure'
        and ((known_at is not null or fact_version > 1) and available_at >= ended_at) is not true as is_announced,
        unnest(['started', 'canceled', 'ended']) as event_type,
        unnest([started_at, canceled_at, ended_at]) as occurred_at,
        greatest(unnest([started_at, canceled_at, ended_at]), unknown_until) as happened_at,
        unnest([  -- Who and on which terms counts for a start, why for an end.
            hash(*columns(* exclude (
                started_at, canceled_at, ended_at, end_reason, known_at, available_at, superseded_at, fact_version,
                unknown_until
            ))), hash(customer_id), hash(customer_id, end_reason)
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
        arg_max(coalesce(superseded_at, timestamp '9000-01-01'), fact_version) over event as dropped_at  -- Told without.
    from compared
    window event as (partition by subscription_id, event_type, occurred_at)
    qualify occurred_at < dropped_at
),

resumed as (
    select
        * replace ('started' as event_type, dropped_at as occurred_at, dropped_at as available_at),
        dropped_at as resumed_at
    from followed
    where is_taken_back and superseded_at = dropped_at
),

events as (
    select  -- What is told once an end was taken back is told of what was resumed.
        e.* replace (
            if(e.event_type = 'started', coalesce(r.resumed_at, e.occurred_at), e.occurred_at) as occurred_at,
            if(not e.is_new or e.occurred_at = e.latest_at, e.available_at, e.happened_at) as available_at
        ),
        r.resumed_at
    from followed as e
    asof left join resumed as r on e.subscription_id = r.subscription_id and e.available_at >= r.resumed_at
    where e.earlier_hash is distinct from hash(e.occurred_at, e.terms_hash)
    union all by name
    select * from resumed
),

kept as (
    select
        * replace (
            subscription_id || coalesce(' resumed ' || resumed_at, '') as subscription_id,
            lead(greatest(occurred_at, available_at)) over told as superseded_at
        )
    from events
    window told as (partition by subscription_id, resumed_at, event_type order by available_at, fact_version)
    union all by name
    select * replace (if(occurred_at = latest_at, available_at, happened_at) as available_at)
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
    event_type = 'ended' and is_announced as is_announced,  -- An end that nothing says was told once it had come.
    * exclude (
        customer_id, subscription_id, event_type, occurred_at, available_at, superseded_at, plan, monthly_fee,
        end_reason, started_at, canceled_at, ended_at, known_at, fact_version, is_retold, latest_at, unknown_until,
        happened_at, is_announced, terms_hash, is_new, earlier_hash, is_taken_back, dropped_at, resumed_at
    )
from kept
