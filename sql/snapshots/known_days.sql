-- Grain: one row per day.
-- Purpose: joined on the later of a fact's day and the day on which we learned of it, it names the first snapshot that
-- may know the fact; a total over all time is then the sum over the snapshots up to one's own.

with bounds as (
    select min(snapshot_date) as first_date, max(snapshot_date) as last_date
    from snapshots.dates
),

days as (
    select cast(unnest(generate_series(first_date - interval 100 year, last_date, interval 1 day)) as date) as day
    from bounds
),

spans as (
    select snapshot_date, coalesce(lag(snapshot_date) over (order by snapshot_date), date '1000-01-01') as previous_date
    from snapshots.dates
)

select
    d.day,  -- The day from which a fact is known.
    s.snapshot_date as known_from  -- The first snapshot that may see it.
from days as d
inner join spans as s
    on d.day >= s.previous_date and d.day < s.snapshot_date
