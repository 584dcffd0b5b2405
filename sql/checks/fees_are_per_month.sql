-- Fees are per month: whoever pays just the fee at a time pays it every month.
-- Level: warn
-- Remedy: Divide a fee per quarter or year by its months, such as `monthly_fee = "case billing_interval when 'annual' then price / 12 else price end"` below the columns of `subscriptions`.

with bounds as (
    select min(occurred_at) as first_at, max(occurred_at) as last_at
    from staging.payments
    where superseded_at is null
),

-- Those with one subscription of half a year or more within the time that payments tell of.
served as (
    select
        s.customer_id,
        any_value(s.plan) as plan,
        any_value(try_cast(s.monthly_fee as double)) as fee,
        min(greatest(s.started_at, b.first_at)) as from_at,
        max(least(coalesce(s.ended_at, s.canceled_at, b.last_at), b.last_at)) as until_at
    from staging.subscriptions as s
    cross join bounds as b
    where s.superseded_at is null
    group by s.customer_id
    having count(*) = 1 and fee > 0 and until_at >= from_at + interval 180 days
),

paid as (
    select
        s.customer_id,
        any_value(s.plan) as plan,
        any_value(s.fee) as fee,
        median(p.amount) as amount,
        count(*) as payments,
        any_value(date_diff('day', s.from_at, s.until_at)) / 30.4 as months
    from served as s
    inner join staging.payments as p on s.customer_id = p.customer_id
    where p.superseded_at is null and p.status = 'succeeded' and p.occurred_at between s.from_at and s.until_at
    group by s.customer_id
),

by_plan as (
    select
        coalesce(plan, 'no plan') as plan,
        count(*) as customers,
        count(*) filter (where payments < 0.5 * months and abs(amount / fee - 1) < 0.02) as seldom,
        median(months / greatest(payments - 1, 1)) as months_each
    from paid
    group by all
)

select
    plan,  -- The plan.
    round(months_each, 1) as months_between_payments,  -- How often its customers pay, at the median.
    customers,  -- Its customers of half a year and more.
    seldom as defect_count  -- Those who pay just the fee, and not every month.
from by_plan
where seldom >= 10 and seldom > 0.8 * customers
