-- Grain: one row per ticket (ticket_id).
-- Purpose: tickets as last known; of several versions the one known latest counts.
-- Incremental by: ticket_id

with dated as (
    select
        *,
        coalesce(known_at, opened_at) as available_at
    from raw.support_tickets
),

newest_first as (
    select
        *,
        row_number() over (
            partition by ticket_id
            order by available_at desc, load_id desc, source_file desc, row_number desc
        ) as nth
    from dated
)

select
    ticket_id,  -- The ticket.
    customer_id,  -- Who asked.
    opened_at as occurred_at,  -- When it was opened.
    available_at,  -- When we knew of it.
    closed_at,  -- When it was closed; null while it is open.
    category,  -- What it was about.
    * exclude (
        ticket_id, customer_id, opened_at, available_at, closed_at, category,
        known_at, load_id, loaded_at, source_file, row_number, nth
    )
from newest_first
where nth = 1
