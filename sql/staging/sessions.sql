-- Grain: one row per customer and start of a session (customer_id, occurred_at).
-- Purpose: sessions without repeats; of several versions the one known latest counts.
-- Rows that were delivered once pass straight through, in the order they came: only repeated ones are sorted out.
-- Incremental by: customer_id, occurred_at = started_at

with repeated as (
    select customer_id, started_at
    from raw.sessions
    group by customer_id, started_at
    having count(*) > 1
),

newest_first as (
    select
        s.*,
        row_number() over (
            partition by s.customer_id, s.started_at
            order by coalesce(s.known_at, s.started_at) desc, s.load_id desc, s.source_file desc, s.row_number desc
        ) as nth
    from raw.sessions as s
    semi join repeated as r on s.customer_id = r.customer_id and s.started_at = r.started_at
),

kept as (
    select s.* from raw.sessions as s
    anti join repeated as r on s.customer_id = r.customer_id and s.started_at = r.started_at
    union all by name
    select * from newest_first
    where nth = 1
)

select
    customer_id,  -- Who used the product.
    started_at as occurred_at,  -- When the session began.
    coalesce(known_at, started_at) as available_at,  -- When we knew of it.
    duration_minutes,  -- How long it lasted.
    * exclude (
        customer_id, started_at, duration_minutes, known_at, load_id, loaded_at, source_file, row_number, nth
    )
from kept
