-- Grain: one row per whole month from the first subscription to the end of the data.
-- Purpose: how many customers each month began with, how many of them it lost and why, and what that costs per month.
-- Customers won and lost within one month are in neither count.

with bounds as (
    select
        date_trunc('month', (select min(span_started_at) from snapshots.spans)) as first_month,
        date_trunc('month', data_cutoff_at) as end_month
    from snapshots.policy
),

months as (
    select cast(unnest(generate_series(first_month, end_month - interval 1 month, interval 1 month)) as date) as month
    from bounds
),

present as (
    select
        m.month,
        s.customer_id,
        max(s.lost_at) as lost_at,
        min(s.churn_kind) as churn_kind,
        sum(cast(s.monthly_fee as decimal(18, 2))) as monthly_fee
    from months as m
    inner join snapshots.spans as s
        on s.span_started_at < m.month and coalesce(s.lost_at, s.stopped_at, timestamp '9000-01-01') >= m.month
    group by m.month, s.customer_id
),

counted as (
    select
        month,
        count(*) as customers,
        count(*) filter (where lost_at < month + interval 1 month and churn_kind = 'voluntary') as voluntary,
        count(*) filter (where lost_at < month + interval 1 month and churn_kind = 'involuntary') as involuntary,
        coalesce(sum(monthly_fee), 0) as revenue,
        coalesce(sum(monthly_fee) filter (where lost_at < month + interval 1 month), 0) as revenue_lost
    from present
    group by month
)

select
    month,  -- The first day of the month.
    customers,  -- Customers as it began.
    voluntary as voluntary_churners,  -- Those of them who left by their own decision.
    involuntary as involuntary_churners,  -- Those of them lost to failed payments.
    1.0 * (voluntary + involuntary) / customers as churn_rate,  -- Share of them lost, 0 to 1.
    cast(revenue as double) as monthly_revenue,  -- What they paid per month.
    cast(revenue_lost as double) as monthly_revenue_lost  -- What those lost had paid per month.
from counted
order by month
