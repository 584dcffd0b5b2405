-- Grain: one row per month of joining and whole month since, as far as everyone who joined in it has come.
-- Purpose: of those who joined in one month, how many had not been lost after each further month.
-- Months before the first loss on record are left out: who left then is not in the data.

with bounds as (
    select
        p.data_cutoff_at,
        (select date_trunc('month', min(f.lost_at)) from snapshots.spans as f) as observed_from
    from snapshots.policy as p
),

joined as (
    select
        cast(date_trunc('month', s.span_started_at) as date) as cohort_month,
        s.span_started_at,
        case when s.lost_at < b.data_cutoff_at then s.lost_at end as lost_at,
        b.data_cutoff_at
    from snapshots.spans as s
    cross join bounds as b
    where s.span_number = 1 and s.span_started_at >= b.observed_from and s.span_started_at < b.data_cutoff_at
),

steps as (
    select j.*, cast(unnest(generate_series(0, 24)) as integer) as months_since
    from joined as j
)

select
    cohort_month,  -- The first day of the month they joined in.
    months_since,  -- Whole months since.
    count(*) as customers,  -- Who joined in that month.
    count(*) filter (where lost_at is null or lost_at >= span_started_at + months_since * interval 1 month)
        as retained  -- Those of them not lost by then.
from steps
where cohort_month + interval 1 month + months_since * interval 1 month <= data_cutoff_at
group by cohort_month, months_since
order by cohort_month, months_since
