-- Grain: one row per day from the first snapshot date to the day before the last; none where there is one snapshot.
-- Purpose: joined on the later of a fact's day and the day on which we learned of it, it names the first snapshot that
-- may know the fact; a total over all time is then the sum over the snapshots up to one's own.

with spans as (
    select
        snapshot_date,
        lag(snapshot_date) over (order by snapshot_date) as previous_date
    from snapshots.dates
),

days as (
    select
        snapshot_date,
        previous_date,
        cast(unnest(generate_series(previous_date, snapshot_date - interval 1 day, interval 1 day)) as date) as day
    from spans
    where previous_date is not null
)

select
    day,  -- The day from which a fact is known.
    snapshot_date as known_from,  -- The first snapshot that may see it.
    previous_date  -- The snapshot before that.
from days
