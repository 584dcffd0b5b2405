-- Grain: one row per customer, start of a session, and version of it (customer_id, occurred_at, fact_version).
-- Purpose: sessions, with from when to when each version was the newest known; as in staging.payments.
-- Incremental by: customer_id, occurred_at = started_at
-- Kept as: view

with repeated as (
    select customer_id, started_at, min(load_id) as first_load_id
    from raw.sessions
    group by customer_id, started_at
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts.
told as (
    select
        s.*,
        r.first_load_id,
        hash(*columns(s.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.sessions as s
    inner join repeated as r on s.customer_id = r.customer_id and s.started_at = r.started_at
    qualify
        row_number() over (
            partition by s.customer_id, s.started_at, s.known_at, s.load_id
            order by s.source_file desc, s.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(started_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by customer_id, started_at, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by customer_id, started_at
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, started_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by customer_id, started_at
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        s.*,
        coalesce(s.known_at, greatest(s.started_at, s.unknown_until)) as available_at,
        1 as fact_version
    from raw.sessions as s
    anti join repeated as r on s.customer_id = r.customer_id and s.started_at = r.started_at
)

select
    customer_id,  -- Who used the product.
    started_at as occurred_at,  -- When the session began.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    duration_minutes,  -- How long it lasted.
    * exclude (
        customer_id, started_at, available_at, superseded_at, fact_version, duration_minutes,
        known_at, load_id, loaded_at, source_file, row_number, unknown_until
    )
from kept
