-- Grain: one row per month of joining and whole month since, as far as everyone who joined in it has come.
-- Purpose: of those who joined in one month, how many had not been lost after each further month.
-- Months before the first loss on record are left out: who left then is not in the data. Customers are counted by the
-- whole months they stayed before the months are laid out, so that many customers cost no more than a few.

with bounds as (
    select
        p.told_until_at as data_cutoff_at,
        (select date_trunc('month', min(f.lost_at)) from snapshots.spans as f) as observed_from
    from snapshots.policy as p
),

joined as (
    select
        cast(date_trunc('month', s.span_started_at) as date) as cohort_month,
        s.span_started_at,
        case when s.lost_at < b.data_cutoff_at then s.lost_at end as lost_at
    from snapshots.spans as s
    cross join bounds as b
    where s.span_number = 1 and s.span_started_at >= b.observed_from and s.span_started_at < b.data_cutoff_at
),

-- The month in which they were lost begins so many months after that of joining; the day decides about the last one.
stays as (
    select
        cohort_month,
        case
            when lost_at is null then 1000
            when span_started_at + date_diff('month', span_started_at, lost_at) * interval 1 month <= lost_at
                then date_diff('month', span_started_at, lost_at)
            else date_diff('month', span_started_at, lost_at) - 1
        end as months_stayed,
        count(*) as customers
    from joined
    group by cohort_month, months_stayed
),

steps as (
    select
        s.*,
        cast(unnest(generate_series(0, 24)) as integer) as months_since
    from stays as s
)

select
    s.cohort_month,  -- The first day of the month they joined in.
    s.months_since,  -- Whole months since.
    cast(sum(s.customers) as bigint) as customers,  -- Who joined in that month.
    -- Those of them not lost by then; who is lost at the very instant counts as still there.
    cast(coalesce(sum(s.customers) filter (where s.months_stayed >= s.months_since), 0) as bigint) as retained
from steps as s
cross join bounds as b
where s.cohort_month + interval 1 month + s.months_since * interval 1 month <= b.data_cutoff_at
group by s.cohort_month, s.months_since
order by s.cohort_month, s.months_since
