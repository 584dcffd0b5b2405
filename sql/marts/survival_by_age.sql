-- Grain: one row per plan and age of a span in days.
-- Purpose: how many spans came under observation, were lost, or went out of sight at each age: what a survival curve needs.
-- A span that began before the first loss on record is observed from that day on only, since spans lost earlier are unknown.

with bounds as (
    select
        p.told_until_at as data_cutoff_at,
        (select date_trunc('day', min(f.lost_at)) from snapshots.spans as f) as observed_from
    from snapshots.policy as p
),

seen as (
    select
        coalesce(s.plan, 'no plan') as plan,
        date_diff('day', s.span_started_at, greatest(s.span_started_at, b.observed_from)) as entry_age,
        date_diff('day', s.span_started_at, least(coalesce(s.lost_at, s.stopped_at), b.data_cutoff_at))
            as known_exit_age,
        date_diff('day', s.span_started_at, b.data_cutoff_at) as last_age,
        coalesce(s.lost_at < b.data_cutoff_at, false) as is_lost
    from snapshots.spans as s
    cross join bounds as b
    where
        s.span_started_at < b.data_cutoff_at
        and coalesce(s.lost_at, s.stopped_at, b.data_cutoff_at) >= b.observed_from
),

events as (
    select plan, entry_age as age_days, 1 as entered, 0 as lost, 0 as censored
    from seen
    union all
    select
        plan,
        coalesce(known_exit_age, last_age) as age_days,
        0 as entered,
        cast(is_lost as integer) as lost,
        1 - cast(is_lost as integer) as censored
    from seen
)

select
    plan,  -- The plan at the end of the span.
    age_days,  -- Days since the span began.
    sum(entered) as entered,  -- Spans that came under observation at this age.
    sum(lost) as lost,  -- Spans lost at this age.
    sum(censored) as censored  -- Spans that were still running when last seen at this age.
from events
group by plan, age_days
order by plan, age_days
