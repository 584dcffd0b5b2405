-- Grain: one row per spine row.
-- Purpose: what someone pays for, how that changed, and when the next term begins.

with counted as (
    select
        customer_id,
        snapshot_date,
        count(*) as subscriptions,
        min(plan) as plan,
        min(monthly_fee) as fee,
        min(started_at) as started_at,
        min(term_end) as term_end,
        min(billing_interval) as billing_interval,
        bool_or(canceled_at is not null) as is_canceled
    from snapshots.known_subscriptions
    group by customer_id, snapshot_date
),

-- Those with more than one are put in order, each beside the one before it as far as that was known at the date.
compared as (
    select
        k.*,
        lag(k.plan) over so_far as earlier_plan,
        lag(k.monthly_fee) over so_far as earlier_fee,
        row_number() over so_far as place,
        c.subscriptions as places
    from snapshots.known_subscriptions as k
    inner join counted as c
        on k.customer_id = c.customer_id and k.snapshot_date = c.snapshot_date and c.subscriptions > 1
    window so_far as (partition by k.customer_id, k.snapshot_date order by k.started_at, k.subscription_id)
),

changed as (
    select
        customer_id,
        snapshot_date,
        min(plan) filter (where place = places) as plan,
        min(monthly_fee) filter (where place = places) as fee,
        min(monthly_fee) filter (where place = 1) as first_fee,
        min(started_at) filter (where place = places) as started_at,
        min(term_end) filter (where place = places) as term_end,
        min(billing_interval) filter (where place = places) as billing_interval,
        bool_or(canceled_at is not null and place = places) as is_canceled,
        count(*) filter (where plan <> earlier_plan) as plan_changes,
        count(*) filter (where plan <> earlier_plan and monthly_fee < earlier_fee) as downgrades,
        count(*) filter (where plan <> earlier_plan and monthly_fee > earlier_fee) as upgrades,
        count(*) filter (where plan = earlier_plan and monthly_fee > earlier_fee) as price_rises,
        max(started_at) filter (where plan <> earlier_plan) as changed_at
    from compared
    group by customer_id, snapshot_date
),

newest as (
    select customer_id, snapshot_date, plan, fee, fee as first_fee, started_at, term_end, billing_interval, is_canceled
    from counted
    where subscriptions = 1
    union all
    select customer_id, snapshot_date, plan, fee, first_fee, started_at, term_end, billing_interval, is_canceled
    from changed
),

spaced as (
    select
        *,
        case
            when lower(coalesce(billing_interval, 'month')) in ('month', 'monthly') then 1
            when lower(billing_interval) in ('quarter', 'quarterly') then 3
            when lower(billing_interval) in ('year', 'yearly', 'annual', 'annually') then 12
            when regexp_full_match(lower(billing_interval), 'p?[0-9]+ ?y(ears?)?')
                then 12 * try_cast(regexp_extract(billing_interval, '[0-9]+') as integer)
            else try_cast(regexp_extract(lower(billing_interval), '^p?([0-9]+) ?(m|months?)?$', 1) as integer)
        end as term_months
    from newest
),

-- The first beginning of a term that is not before the month of the date, and the one after it.
renewed as (
    select
        *,
        cast(date_diff('month', started_at, snapshot_date) // nullif(term_months, 0) as integer)
        * term_months as months
    from spaced
)

select
    s.customer_id,
    s.snapshot_date,
    r.plan as current_plan,  -- The plan of the newest subscription. [context] "plan {}"
    r.fee as current_fee,  -- Its fee per month. [context] "pays {} a month" "pays {money} a month"
    r.fee / nullif(r.first_fee, 0) as fee_change_ratio,  -- The fee over the first fee ever paid. [actionable] "fee is {} times the first one" "<0.995: the fee is {percent} lower than the first one | <1.005: the fee is as at first | the fee is {percent} higher than the first one"
    coalesce(c.plan_changes, 0) as plan_changes,  -- Changes of plan so far. [context] "changed plan {} times" "0: never changed plan | changed plan {times}"
    coalesce(c.downgrades, 0) as downgrades,  -- Changes to a cheaper plan so far. [actionable] "downgraded {} times" "0: never downgraded | downgraded {times}"
    coalesce(c.upgrades, 0) as upgrades,  -- Changes to a dearer plan so far. [context] "upgraded {} times" "0: never upgraded | upgraded {times}"
    coalesce(c.price_rises, 0) as price_rises,  -- Times the same plan became dearer. [actionable] "price rose {} times" "0: the price never rose | the price rose {times}"
    date_diff('day', cast(c.changed_at as date), s.snapshot_date) as days_since_plan_change,  -- Days since the newest change of plan. [context] "changed plan {} days ago" "missing: never changed plan | 0: changed plan today | changed plan {} days ago"
    date_diff('day', s.snapshot_date, cast(case when r.term_end >= s.snapshot_date then r.term_end when r.started_at + r.months * interval 1 month >= s.snapshot_date then r.started_at + r.months * interval 1 month else r.started_at + (r.months + r.term_months) * interval 1 month end as date)) as days_to_renewal,  -- Days until the next term of the subscription begins: a month, or its billing interval. [context] "renews in {} days" "0: renews today | renews in {} days"
    coalesce(r.is_canceled, false) as has_canceled  -- Whether a cancellation is waiting for the end of service. [context] "has canceled already: {}" "0: has not canceled | has canceled already"
from snapshots.spine as s
left join renewed as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
left join changed as c on s.customer_id = c.customer_id and s.snapshot_date = c.snapshot_date
