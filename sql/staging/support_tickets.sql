-- Grain: one row per ticket and version of it (ticket_id, fact_version).
-- Purpose: tickets, with from when to when each version was the newest known; as in staging.payments.
-- Incremental by: ticket_id
-- Kept as: view

with repeated as (
    select ticket_id, min(load_id) as first_load_id
    from raw.support_tickets
    group by ticket_id
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts.
told as (
    select
        t.*,
        r.first_load_id,
        hash(*columns(t.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.support_tickets as t
    inner join repeated as r on t.ticket_id = r.ticket_id
    qualify
        row_number() over (
            partition by t.ticket_id, t.known_at, t.load_id
            order by t.opened_at desc, t.source_file desc, t.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(opened_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by ticket_id, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by ticket_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, opened_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by ticket_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        t.*,
        coalesce(t.known_at, greatest(t.opened_at, t.unknown_until)) as available_at,
        1 as fact_version
    from raw.support_tickets as t
    anti join repeated as r on t.ticket_id = r.ticket_id
)

select
    ticket_id,  -- The ticket.
    customer_id,  -- Who asked.
    opened_at as occurred_at,  -- When it was opened.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    closed_at,  -- When it was closed; null while it is open.
    category,  -- What it was about.
    * exclude (
        ticket_id, customer_id, opened_at, available_at, superseded_at, fact_version, closed_at, category,
        known_at, load_id, loaded_at, source_file, row_number, unknown_until
    )
from kept
