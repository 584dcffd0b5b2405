-- Grain: one row per whole month from the first loss to the end of the data: of the time before, records often name only those who stayed.
-- Purpose: how many customers each month began with, how many of them it lost and why, and what that costs per month.
-- Customers won and lost within one month are in neither count. Spans are counted where they begin and end and summed
-- up along the months, so that a long history costs no more than a short one.

with bounds as (
    select
        date_trunc('month', (select min(span_started_at) from snapshots.spans)) as first_month,
        date_trunc('month', told_until_at) as end_month
    from snapshots.policy
),

months as (
    select cast(unnest(generate_series(first_month, end_month - interval 1 month, interval 1 month)) as date) as month
    from bounds
),

-- The spans of a customer do not overlap: at each month's beginning at most one of them runs.
present as (
    select
        t.first_month,
        t.last_month,
        t.monthly_fee,
        cast(t.first_month = date_trunc('month', s.span_started_at) + interval 1 month as integer) as is_first,
        cast(
            t.last_month = date_trunc('month', coalesce(s.lost_at, s.stopped_at, timestamp '9000-01-01')) as integer
        ) as is_last,
        s.lost_at,
        s.churn_kind
    from snapshots.span_terms as t
    inner join snapshots.spans as s on t.customer_id = s.customer_id and t.span_number = s.span_number
),

changes as (
    select month, 0 as customers, cast(0 as decimal(18, 2)) as revenue from months
    union all
    select first_month as month, is_first as customers, monthly_fee as revenue from present
    union all
    select cast(last_month + interval 1 month as date) as month, -is_last as customers, -monthly_fee as revenue
    from present
    where last_month < date '9000-01-01'
),

changed as (
    select month, sum(customers) as customers, sum(revenue) as revenue
    from changes
    group by month
),

running as (
    select
        month,
        sum(customers) over so_far as customers,
        sum(revenue) over so_far as revenue
    from changed
    window so_far as (order by month rows between unbounded preceding and current row)
),

lost as (
    select
        last_month as month,
        count(*) filter (where churn_kind = 'voluntary') as voluntary,
        count(*) filter (where churn_kind = 'involuntary') as involuntary,
        sum(monthly_fee) as revenue_lost
    from present
    where is_last = 1 and lost_at is not null
    group by last_month
)

select
    m.month,  -- The first day of the month.
    cast(r.customers as bigint) as customers,  -- Customers as it began.
    coalesce(l.voluntary, 0) as voluntary_churners,  -- Those of them who left by their own decision.
    coalesce(l.involuntary, 0) as involuntary_churners,  -- Those of them lost to failed payments.
    1.0 * (coalesce(l.voluntary, 0) + coalesce(l.involuntary, 0)) / r.customers as churn_rate,  -- Share of them lost, 0 to 1.
    cast(r.revenue as double) as monthly_revenue,  -- What they paid per month then, by the fees known then.
    cast(coalesce(l.revenue_lost, 0) as double) as monthly_revenue_lost  -- What those lost had paid per month as it began.
from months as m
inner join running as r on m.month = r.month
left join lost as l on m.month = l.month
where r.customers > 0 and m.month >= coalesce((select min(f.month) from lost as f), m.month)
order by m.month
