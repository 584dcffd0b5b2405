-- Grain: one row per event and version of it (event_id, fact_version); an event without an id is one of its own.
-- Purpose: what customers did, by kind, for products that count more than logins, with from when to when each version
-- was the newest known; as in staging.payments. Without an id equal events are different events.
-- Incremental by: event_id
-- Kept as: view

with repeated as (
    select event_id, min(load_id) as first_load_id
    from raw.events
    where event_id is not null
    group by event_id
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts.
told as (
    select
        e.*,
        r.first_load_id,
        hash(*columns(e.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.events as e
    inner join repeated as r on e.event_id = r.event_id
    qualify
        row_number() over (
            partition by e.event_id, e.known_at, e.load_id
            order by e.occurred_at desc, e.source_file desc, e.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(occurred_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by event_id, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by event_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, occurred_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by event_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        e.*,
        coalesce(e.known_at, greatest(e.occurred_at, e.unknown_until)) as available_at,
        1 as fact_version
    from raw.events as e
    anti join repeated as r on e.event_id = r.event_id
)

select
    customer_id,  -- Who.
    event_type,  -- What kind of event.
    occurred_at,  -- When.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    quantity,  -- How much of it; null counts as one.
    event_id,  -- The source's own key of the event; null if it has none.
    * exclude (
        customer_id, event_type, occurred_at, available_at, superseded_at, fact_version, quantity, event_id,
        known_at, load_id, loaded_at, source_file, row_number, unknown_until
    )
from kept
