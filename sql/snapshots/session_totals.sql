-- Grain: one row per spine row with any use before.
-- Purpose: use over all time. Each fact is counted once, under the first snapshot that knows it; the total of a date is
-- the sum over the snapshots up to it. Months that one snapshot is the first to know are counted whole.
-- Months of staging.sessions: select month from totals.session_months
--     where
--         known_at >= (select min(snapshot_date) from snapshots.dates)
--         and first_at < (select max(snapshot_date) from snapshots.dates)

with edges as (
    select min(snapshot_date) as first_date, max(snapshot_date) as last_date
    from snapshots.dates
),

-- What the first snapshot knows is most of it, and needs no look-up.
whole_months as (
    select customer_id, (select first_date from edges) as known_from, sessions, first_at, last_at
    from totals.session_months
    where known_at < (select first_date from edges)
),

later_months as (
    select
        m.*,
        k.known_from,
        coalesce(k.previous_date <= m.first_at, false) as is_whole
    from totals.session_months as m
    left join snapshots.known_days as k on cast(m.known_at as date) = k.day
    where m.known_at >= (select first_date from edges) and m.first_at < (select last_date from edges)
),

split_months as (
    select customer_id, month
    from later_months
    where not is_whole
),

split_sessions as (
    select f.customer_id, f.occurred_at, greatest(f.occurred_at, f.available_at) as known_at
    from staging.sessions as f
    semi join split_months as m on f.customer_id = m.customer_id and date_trunc('month', f.occurred_at) = m.month
    -- The join says it too; said here, blocks of other months are never read.
    where
        f.fact_version = 1
        and f.occurred_at >= (select min(month) from split_months)
        and f.occurred_at < (select max(month) + interval 1 month from split_months)
),

first_known as (
    select customer_id, known_from, sessions, first_at, last_at
    from whole_months
    union all
    select customer_id, known_from, sessions, first_at, last_at
    from later_months
    where is_whole
    union all
    select
        customer_id,
        (select first_date from edges) as known_from,
        1 as sessions,
        occurred_at as first_at,
        occurred_at as last_at
    from split_sessions
    where known_at < (select first_date from edges)
    union all
    select f.customer_id, k.known_from, 1 as sessions, f.occurred_at as first_at, f.occurred_at as last_at
    from split_sessions as f
    inner join snapshots.known_days as k on cast(f.known_at as date) = k.day
)

select
    s.customer_id,  -- The customer.
    s.snapshot_date,  -- The date of the snapshot.
    sum(k.sessions) as sessions,  -- Sessions so far.
    date_diff('day', cast(min(k.first_at) as date), s.snapshot_date) as days_since_first,  -- Days since the first one.
    date_diff('day', cast(max(k.last_at) as date), s.snapshot_date) as days_since_last  -- Days since the newest one.
from snapshots.spine as s
inner join first_known as k on s.customer_id = k.customer_id and k.known_from <= s.snapshot_date
group by s.customer_id, s.snapshot_date
