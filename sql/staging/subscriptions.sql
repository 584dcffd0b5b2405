-- Grain: one row per subscription and version of what was told of it (subscription_id, fact_version).
-- Purpose: subscriptions as told, with from when to when each telling was the newest; as in staging.payments, but known
-- without a known_at from its latest event on. What happened by it, and since when we know, is staging.subscription_events.
-- Incremental by: subscription_id

with repeated as (
    select subscription_id, min(load_id) as first_load_id
    from raw.subscriptions
    group by subscription_id
    having count(*) > 1
),

told as (
    select
        s.*,
        r.first_load_id,
        hash(*columns(s.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.subscriptions as s
    inner join repeated as r on s.subscription_id = r.subscription_id
    qualify
        row_number() over (
            partition by s.subscription_id, s.known_at, s.load_id
            order by s.source_file desc, s.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            when known_at is not null then known_at
            else greatest(least(greatest(started_at, canceled_at, ended_at), loaded_at), unknown_until)
        end as available_at
    from told
    window same_time as (partition by subscription_id, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by subscription_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(available_at) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by subscription_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        s.*,
        coalesce(
            s.known_at,
            greatest(least(greatest(s.started_at, s.canceled_at, s.ended_at), s.loaded_at), s.unknown_until)
        ) as available_at,
        1 as fact_version
    from raw.subscriptions as s
    anti join repeated as r on s.subscription_id = r.subscription_id
)

select
    subscription_id,  -- The subscription.
    customer_id,  -- Whose it is.
    started_at,  -- When service began, or is to begin.
    canceled_at,  -- The decision to leave; null if none was told.
    ended_at,  -- The loss of service, perhaps still to come; null if none was told.
    plan,  -- The plan.
    monthly_fee,  -- The fee per month, in the configured currency.
    lower(end_reason) as end_reason,  -- voluntary, payment_failure, plan_change, pause; null if nobody noted it.
    known_at,  -- When it was told, where the source says so.
    available_at,  -- When it was told.
    superseded_at,  -- When it was told otherwise; null while this is the newest.
    fact_version,  -- 1 for what was told first.
    unknown_until,  -- Until when nobody can have known what was new in it; null where nothing says so.
    if(
        term_end is null and canceled_at is null and fact_version = 1
        and cast(known_at as date) <= cast(started_at as date) and started_at < ended_at, ended_at, term_end
    ) as term_end,  -- The end of the running term; an end that was told as it began is one.
    * exclude (
        subscription_id, customer_id, started_at, canceled_at, ended_at, plan, monthly_fee, end_reason, known_at,
        available_at, superseded_at, fact_version, unknown_until, term_end, load_id, loaded_at, source_file, row_number
    )
from kept
