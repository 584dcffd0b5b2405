-- Grain: one row per spine row.
-- Purpose: what someone pays for, how that changed, and when the next month begins.

-- Compared with the subscription before it, as far as that was known at the date.
with compared as (
    select
        *,
        lag(plan) over so_far as earlier_plan,
        lag(monthly_fee) over so_far as earlier_fee,
        row_number() over so_far as place,
        count(*) over (partition by customer_id, snapshot_date) as places
    from snapshots.known_subscriptions
    window so_far as (partition by customer_id, snapshot_date order by started_at, subscription_id)
),

summed as (
    select
        customer_id,
        snapshot_date,
        min(plan) filter (where place = places) as plan,
        min(monthly_fee) filter (where place = places) as fee,
        min(monthly_fee) filter (where place = 1) as first_fee,
        min(started_at) filter (where place = places) as started_at,
        bool_or(canceled_at is not null and place = places) as is_canceled,
        count(*) filter (where plan <> earlier_plan) as plan_changes,
        count(*) filter (where plan <> earlier_plan and monthly_fee < earlier_fee) as downgrades,
        count(*) filter (where plan <> earlier_plan and monthly_fee > earlier_fee) as upgrades,
        count(*) filter (where plan = earlier_plan and monthly_fee > earlier_fee) as price_rises,
        max(started_at) filter (where plan <> earlier_plan) as changed_at
    from compared
    group by customer_id, snapshot_date
),

renewed as (
    select
        *,
        started_at + months * interval 1 month as month_at,
        started_at + (months + 1) * interval 1 month as next_month_at
    from (
        select
            *,
            date_diff('month', started_at, cast(snapshot_date as timestamp)) as months
        from summed
    ) as counted
)

select
    s.customer_id,
    s.snapshot_date,
    r.plan as current_plan,  -- The plan of the newest subscription. [context] "plan {}"
    r.fee as current_fee,  -- Its fee per month. [context] "pays {} a month"
    r.fee / nullif(r.first_fee, 0) as fee_change_ratio,  -- The fee over the first fee ever paid. [actionable] "fee is {} times the first one"
    coalesce(r.plan_changes, 0) as plan_changes,  -- Changes of plan so far. [context] "changed plan {} times"
    coalesce(r.downgrades, 0) as downgrades,  -- Changes to a cheaper plan so far. [actionable] "downgraded {} times"
    coalesce(r.upgrades, 0) as upgrades,  -- Changes to a dearer plan so far. [context] "upgraded {} times"
    coalesce(r.price_rises, 0) as price_rises,  -- Times the same plan became dearer. [actionable] "price rose {} times"
    date_diff('day', cast(r.changed_at as date), s.snapshot_date) as days_since_plan_change,  -- Days since the newest change of plan. [context] "changed plan {} days ago"
    date_diff('day', s.snapshot_date, cast(case when r.month_at >= s.snapshot_date then r.month_at else r.next_month_at end as date)) as days_to_renewal,  -- Days until the next month of the subscription begins. [context] "renews in {} days"
    coalesce(r.is_canceled, false) as has_canceled  -- Whether a cancellation is waiting for the end of service. [context] "has canceled already: {}"
from snapshots.spine as s
left join renewed as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
