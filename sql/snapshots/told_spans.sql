-- Grain: one row per span of a customer from a start to the loss that the source itself tells of, with everything known now.
-- Purpose: spans where churn is told by staging.churn_events. A start within the grace days takes the loss before it back;
-- ends of subscriptions are then ends of terms only. Without subscriptions a customer's sign-up is the start.

with starts as (
    select customer_id, subscription_id, started_at, ended_at, plan, monthly_fee
    from snapshots.subscriptions
    union all
    select
        customer_id,
        customer_id as subscription_id,
        occurred_at as started_at,
        cast(null as timestamp) as ended_at,
        cast(null as varchar) as plan,
        cast(null as double) as monthly_fee
    from staging.customers
    where superseded_at is null and not exists (select 1 from staging.subscription_events)
),

told as (
    select c.customer_id, c.occurred_at as lost_at, c.reason, p.grace_days
    from staging.churn_events as c
    cross join snapshots.policy as p
    where
        p.told_by = 'churn_events'
        and c.superseded_at is null
        and coalesce(c.reason, '') not in ('pause', 'plan_change')
),

taken_back as (
    select distinct t.customer_id, t.lost_at
    from told as t
    inner join starts as s
        on
            t.customer_id = s.customer_id
            and s.started_at >= t.lost_at
            and s.started_at <= t.lost_at + t.grace_days * interval 1 day
),

losses as (
    select t.*
    from told as t
    anti join taken_back as b on t.customer_id = b.customer_id and t.lost_at = b.lost_at
),

numbered as (
    select
        s.customer_id,
        s.subscription_id,
        s.started_at,
        any_value(s.ended_at) as ended_at,
        any_value(s.plan) as plan,
        any_value(s.monthly_fee) as monthly_fee,
        1 + count(l.lost_at) as span_number
    from starts as s
    cross join snapshots.policy as p
    left join losses as l on s.customer_id = l.customer_id and l.lost_at < s.started_at
    where p.told_by = 'churn_events'
    group by s.customer_id, s.subscription_id, s.started_at
),

spans as (
    select
        customer_id,
        span_number,
        min(started_at) as span_started_at,
        max_by(plan, struct_pack(at := started_at, id := subscription_id)) as plan,
        -- Of all that run; where terms end and none is open, of the newest.
        cast(
            coalesce(
                sum(try_cast(monthly_fee as decimal(18, 4))) filter (where ended_at is null),
                max_by(try_cast(monthly_fee as decimal(18, 4)), struct_pack(at := started_at, id := subscription_id))
            ) as double
        ) as monthly_fee
    from numbered
    group by customer_id, span_number
)

select
    s.customer_id,  -- The customer.
    s.span_number,  -- 1 and more; a loss without a start after it ends the last.
    s.span_started_at,  -- When the span began.
    min(l.lost_at) as lost_at,  -- When the customer was lost; null if nothing is told.
    case
        when min_by(l.reason, struct_pack(at := l.lost_at, reason := l.reason)) = 'payment_failure' then 'involuntary'
        else 'voluntary'
    end as churn_kind,  -- Why.
    any_value(s.plan) as plan,  -- The plan of the newest subscription of the span.
    any_value(s.monthly_fee) as monthly_fee  -- The fees per month of those that run; where none does, its fee.
from spans as s
left join losses as l on s.customer_id = l.customer_id and l.lost_at >= s.span_started_at
group by s.customer_id, s.span_number, s.span_started_at
