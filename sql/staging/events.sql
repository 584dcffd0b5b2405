-- Grain: one row per delivered event; events have no key, so equal ones are different events.
-- Purpose: what customers did, by kind, for products that count more than logins.
-- Incremental by: row

select
    customer_id,  -- Who.
    event_type,  -- What kind of event.
    occurred_at,  -- When.
    coalesce(known_at, occurred_at) as available_at,  -- When we knew of it.
    quantity,  -- How much of it; null counts as one.
    * exclude (
        customer_id, event_type, occurred_at, quantity, known_at, load_id, loaded_at, source_file, row_number
    )
from raw.events
