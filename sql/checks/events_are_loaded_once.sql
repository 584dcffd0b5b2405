-- No file of events without an id holds the events of another once more.
-- Level: block
-- Remedy: Read the newest file alone, or tell what makes an event one, such as `event_id = "customer_id || event_type || occurred_at"` below its columns, and load it again with `churn refresh --full`.

with files as (
    select source_file, min(occurred_at) as first_at, max(occurred_at) as last_at, count(*) as events
    from raw.events
    where event_id is null
    group by source_file
),

-- Files of other days need no look at their rows.
beside as (
    select a.source_file, a.first_at, a.last_at
    from files as a
    where
        exists (
            select 1
            from files as b
            where a.source_file <> b.source_file and a.first_at <= b.last_at and b.first_at <= a.last_at
        )
),

-- Of many rows those of some customers say as much.
looked_at as (
    select distinct e.source_file, e.occurred_at, hash(e.customer_id, e.event_type, e.occurred_at, e.quantity) as event
    from raw.events as e
    semi join beside as b on e.source_file = b.source_file
    where e.event_id is null and hash(e.customer_id) % (select 1 + sum(f.events) // 1000000 from files as f) = 0
),

twice as (
    select a.source_file, b.source_file as other_file, count(*) as events
    from looked_at as a
    inner join looked_at as b on a.event = b.event and a.source_file < b.source_file
    group by a.source_file, b.source_file
),

-- Of two files those rows count that lie in the days which both tell of.
shared as (
    select
        t.source_file,
        t.other_file,
        t.events,
        count(*) filter (
            where l.source_file = t.source_file and l.occurred_at between o.first_at and o.last_at
        ) as here,
        count(*) filter (
            where l.source_file = t.other_file and l.occurred_at between f.first_at and f.last_at
        ) as there
    from twice as t
    inner join files as f on t.source_file = f.source_file
    inner join files as o on t.other_file = o.source_file
    inner join looked_at as l on l.source_file in (t.source_file, t.other_file)
    group by t.source_file, t.other_file, t.events
)

select
    parse_filename(source_file) as source_file,  -- A file.
    parse_filename(other_file) as other_file,  -- Another that holds its events too.
    events as defect_count  -- Events that both hold.
from shared
where events >= 20 and events >= 0.9 * least(here, there)
